// `longrun scale APP N`: changes the number of instances and waits for it.
import type { DeploymentAnswer } from '#libs/api-client';
import { ConfigurationError } from '#libs/configuration';
import { finishChange, SUPERSEDING, whenWhole } from '../change.js';
import { appPathOf, NEEDLESS_FORCE, WAIT_OPTIONS, type Command } from '../command.js';

export const scaleCommand: Command = {
  name: 'scale',
  operands: 'APP N',
  minOperands: 2,
  maxOperands: 2,
  summary: 'change how many instances of an app run',
  options: [...WAIT_OPTIONS, NEEDLESS_FORCE],
  async run(context) {
    const { api, settings } = context;
    const [name = '', count = ''] = settings.operands;
    if (!/^\d+$/.test(count))
      throw new ConfigurationError(`N must be a whole number, 0 or more (got "${count}")`);
    const path = appPathOf(name);
    const answer = await api.patch<DeploymentAnswer>(`/v2/apps${path}?${SUPERSEDING}`, {
      instances: Number(count),
    });
    return finishChange(context, answer, whenWhole(context, path, answer.version));
  },
};
