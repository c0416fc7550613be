// `longrun plan FILE…`: what `longrun deploy` of the same files would do, without doing it.
import { readAppFiles } from '../app-files.js';
import type { Command } from '../command.js';
import { PLAN_OPTIONS, showPlan } from '../plan.js';

export const planCommand: Command = {
  name: 'plan',
  operands: 'FILE…',
  minOperands: 1,
  maxOperands: 100,
  summary:
    'show what "deploy" of these files would change, start and stop, and whether it fits; does nothing',
  options: [
    { name: 'force', kind: 'flag', help: 'as if a deployment that is in the way were cancelled' },
    ...PLAN_OPTIONS,
  ],
  exitCodes:
    '0 it goes through, 1 refused, 2 wrong use, 3 no server answers, 5 it does not go through (no room, or it would fail), 6 too large to tell',
  run: async (context) => showPlan(context, await readAppFiles(context.settings.operands)),
};
