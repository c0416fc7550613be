// `longrun remove APP`: stops all instances and forgets the app.
import type { DeploymentAnswer } from '#libs/api-client';
import { finishChange, forceQuery } from '../change.js';
import { appPathOf, WAIT_OPTIONS, type Command } from '../command.js';

export const removeCommand: Command = {
  name: 'remove',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'stop an app and remove its definition',
  options: [
    ...WAIT_OPTIONS,
    { name: 'force', kind: 'flag', help: 'cancel a deployment of the app that is in the way' },
  ],
  async run(context) {
    const path = appPathOf(context.settings.operands[0] ?? '');
    const answer = await context.api.delete<DeploymentAnswer>(`/v2/apps${path}?${forceQuery(context)}`);
    return finishChange(context, answer, () =>
      Promise.resolve({ value: { removed: path }, text: `${path} is removed` }),
    );
  },
};
