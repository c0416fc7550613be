// `longrun restart APP`: replaces all instances under the app's upgrade strategy and waits for it.
import type { DeploymentAnswer } from '#libs/api-client';
import { finishChange, SUPERSEDING, whenWhole } from '../change.js';
import { appPathOf, NEEDLESS_FORCE, WAIT_OPTIONS, type Command } from '../command.js';

export const restartCommand: Command = {
  name: 'restart',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'replace all instances of an app, as gently as an update does',
  options: [...WAIT_OPTIONS, NEEDLESS_FORCE],
  async run(context) {
    const path = appPathOf(context.settings.operands[0] ?? '');
    const answer = await context.api.post<DeploymentAnswer>(`/v2/apps${path}/restart?${SUPERSEDING}`);
    return finishChange(context, answer, whenWhole(context, path, answer.version));
  },
};
