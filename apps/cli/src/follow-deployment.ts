// Waits for a deployment to end and says what moves meanwhile. Progress is read from the API again and again; nothing is guessed.
import {
  ApiError,
  type AppAnswer,
  type DeploymentListItem,
  type EndedDeployment,
  type WaitingAnswer,
} from '#libs/api-client';
import type { CommandContext } from './command.js';
import { CommandFailed } from './exit.js';
import { inCliWords } from './output/cli-words.js';
import { healthWord } from './output/app-lines.js';

const POLL_MS = 250;
/** What does not move for this long gets an explanation. */
const EXPLAIN_AFTER_MS = 3_000;

export async function followDeployment(
  context: CommandContext,
  deploymentId: string,
): Promise<EndedDeployment> {
  const { api, settings, output } = context;
  const deadline = performance.now() + settings.number('timeout') * 1000;
  let shown = '';
  let shownAt = performance.now();
  for (;;) {
    const running = (await api.get<readonly DeploymentListItem[]>('/v2/deployments')).find(
      ({ id }) => id === deploymentId,
    );
    if (!running) return outcome(context, deploymentId);
    const line = await describe(context, running);
    if (line !== shown) {
      output.progress(line);
      shown = line;
      shownAt = performance.now();
    } else if (performance.now() - shownAt > EXPLAIN_AFTER_MS) {
      for (const reason of await reasons(context, running)) output.progress(`  ${inCliWords(reason)}`);
      shownAt = Number.POSITIVE_INFINITY;
    }
    if (performance.now() > deadline) {
      throw new CommandFailed(
        `deployment ${deploymentId} is not done after ${settings.text('timeout')} s; it goes on. "longrun status APP" shows why it waits.`,
        4,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Throws unless it succeeded. */
async function outcome({ api }: CommandContext, deploymentId: string): Promise<EndedDeployment> {
  const ended = await api.get<EndedDeployment>(`/v3/deployments/${deploymentId}`);
  if (ended.status === 'succeeded') return ended;
  throw new CommandFailed(
    `deployment ${deploymentId} ${ended.status}: ${ended.reason ?? 'no reason recorded'}`,
  );
}

async function describe({ api }: CommandContext, deployment: DeploymentListItem): Promise<string> {
  const apps = await Promise.all(deployment.affectedApps.map((id) => appOrNull(api, id)));
  const parts = apps.map((app, index) =>
    app
      ? `${app.id} ${healthWord(app)}${app.tasksStaged ? `, ${app.tasksStaged} starting` : ''}${app.tasksUnhealthy ? `, ${app.tasksUnhealthy} unhealthy` : ''}`
      : `${deployment.affectedApps[index]} stopping`,
  );
  return `step ${deployment.currentStep}/${deployment.totalSteps}: ${parts.join('; ')}`;
}

async function reasons({ api }: CommandContext, deployment: DeploymentListItem): Promise<string[]> {
  const lists = await Promise.all(
    deployment.affectedApps.map(async (id) => {
      try {
        return (await api.get<WaitingAnswer>(`/v3/apps${id}/waiting`)).waiting;
      } catch (error) {
        if (error instanceof ApiError) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}

async function appOrNull(api: CommandContext['api'], id: string): Promise<AppAnswer | null> {
  try {
    return (await api.get<{ app: AppAnswer }>(`/v2/apps${id}`)).app;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
