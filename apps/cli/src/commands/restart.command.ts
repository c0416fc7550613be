// `longrun restart APP`: replaces all instances under the app's upgrade strategy and waits for it.
import type { DeploymentAnswer } from '#libs/api-client';
import { finishChange, SUPERSEDING, waitUntilWhole } from '../change.js';
import { appPathOf, NEEDLESS_FORCE, WAIT_OPTIONS, type Command } from '../command.js';
import { healthWord } from '../output/app-lines.js';

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
    return finishChange(context, answer, async () => {
      const [app] = await waitUntilWhole(context, [path], answer.version);
      return { value: { app }, text: app ? `${app.id}: ${healthWord(app)}` : '' };
    });
  },
};
