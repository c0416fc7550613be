// `longrun rollback APP`: takes back what is under way for the app, or goes to the last definition that worked; says which, and waits.
import type { RollbackAnswer } from '#libs/api-client';
import { finishChange, whenWhole } from '../change.js';
import { appPathOf, WAIT_OPTIONS, type Command } from '../command.js';

export const rollbackCommand: Command = {
  name: 'rollback',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'take back the deployment of an app that runs, or go back to its last definition that worked',
  options: WAIT_OPTIONS,
  async run(context) {
    const { api, settings, output } = context;
    const path = appPathOf(settings.operands[0] ?? '');
    const answer = await api.post<RollbackAnswer>(`/v3/apps${path}/rollback`);
    output.progress(answer.rollback.text);
    return finishChange(context, answer, whenWhole(context, path, answer.version));
  },
};
