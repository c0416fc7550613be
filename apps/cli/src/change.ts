// What deploy, scale, restart and remove have in common: a change was accepted, now wait for it and show the end.
import type { AppAnswer, DeploymentAnswer } from '#libs/api-client';
import type { CommandContext } from './command.js';
import { CommandFailed } from './exit.js';
import { followDeployment } from './follow-deployment.js';
import { healthWord, isWhole } from './output/app-lines.js';

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

const POLL_MS = 250;

/**
 * A deployment is done once every task has started (or was healthy once), and one without changes at once. This waits until the
 * apps have all their instances, and fails when one of them loses a task meanwhile.
 */
export async function waitUntilWhole(
  { api, settings, output }: CommandContext,
  ids: readonly string[],
  since: string,
): Promise<readonly AppAnswer[]> {
  const deadline = performance.now() + settings.number('timeout') * 1000;
  let shown = '';
  for (;;) {
    const apps = await Promise.all(
      ids.map(async (id) => (await api.get<{ app: AppAnswer }>(`/v2/apps${id}`)).app),
    );
    const missing = apps.filter((app) => !isWhole(app));
    if (!missing.length) return apps;
    const words = missing.map((app) => `${app.id}: ${healthWord(app)}`);
    const failed = missing.find(
      (app) => Date.parse(app.lastTaskFailure?.timestamp ?? '') > Date.parse(since),
    );
    if (failed) {
      const lines = failed.lastTaskFailure?.message.trimEnd().split('\n') ?? [];
      throw new CommandFailed(
        [`${words.join('; ')}. The last task of ${failed.id} failed:`, ...lines].join('\n  '),
      );
    }
    if (performance.now() > deadline) {
      throw new CommandFailed(
        `${words.join('; ')} after ${settings.text('timeout')} s. "longrun status APP" shows why.`,
        4,
      );
    }
    const line = `waiting for ${words.join('; ')}`;
    if (line !== shown) output.progress(line);
    shown = line;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** For `finishChange`, of a change of one app: it has all its instances. `since`: of the answer to the change. */
export const whenWhole =
  (context: CommandContext, path: string, since: string) =>
  async (): Promise<{ value: object; text: string }> => {
    const [app] = await waitUntilWhole(context, [path], since);
    return { value: { app }, text: app ? `${app.id}: ${healthWord(app)}` : '' };
  };

/** The newest word of a person counts: what is under way for the same app ends as superseded, and says by which deployment. */
export const SUPERSEDING = 'force=true';

export const forceQuery = (context: CommandContext): string =>
  context.settings.flag('force') ? 'force=true' : 'force=false';
