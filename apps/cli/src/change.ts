// What deploy, scale, restart and remove have in common: a change was accepted, now wait for it and show the end.
import type { DeploymentAnswer } from '#libs/api-client';
import type { CommandContext } from './command.js';
import { followDeployment } from './follow-deployment.js';

export async function finishChange(
  context: CommandContext,
  answer: DeploymentAnswer,
  done: () => Promise<{ value: object; text: string }>,
): Promise<number> {
  const { settings, output } = context;
  if (settings.flag('no-wait')) {
    output.result(answer, () => `accepted as deployment ${answer.deploymentId}`);
    return 0;
  }
  await followDeployment(context, answer.deploymentId);
  const { value, text } = await done();
  output.result({ ...answer, ...value }, () => text);
  return 0;
}

export const forceQuery = (context: CommandContext): string =>
  context.settings.flag('force') ? 'force=true' : 'force=false';
