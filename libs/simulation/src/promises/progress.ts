// Progress: with capacity and time, all is as it is wanted, and nothing is left over.
import type { App, Instance } from '#libs/model';
import { broken, type Watcher, type World } from './watch.js';
import { isServing } from './serving.js';

/** Why the app need not be whole: shown by the product itself, so that a wrong excuse can be seen in the log. */
export type Excuse = (app: App) => string | null;

/** By whichever clock: that of its agent, or that of the leader who placed it; and a little more, for the run just ends. */
const ranMs = ({ status, placedAt }: Instance, now: number): number =>
  now - Math.min(status?.startedAt ?? now, placedAt ?? now) + SLACK_MS;
const SLACK_MS = 3_000;

export function converges(excuse: Excuse): Watcher {
  return {
    rule: 'converges',
    ended(world) {
      const { stored, now } = world;
      for (const deployment of stored.deployments.values()) {
        const apps = deployment.steps.flatMap((step) => step.actions.map(({ app }) => app));
        const isExcused = apps.some((id) => {
          const app = stored.apps.get(id);
          return app && excuse(app) !== null;
        });
        if (!isExcused) broken('converges', `deployment ${deployment.id} of ${apps.join(', ')} still runs`);
      }
      for (const app of stored.apps.values()) {
        const instances = stored.instancesOf(app.id);
        const serving = instances.filter((each) =>
          isServing(each, stored.versionOf(each), ranMs(each, now)),
        ).length;
        const wanted = app.removing ? 0 : app.current.spec.instances;
        if (serving === wanted && instances.length === wanted) continue;
        if (excuse(app) !== null) continue;
        broken(
          'converges',
          `${app.id}: ${serving} of ${instances.length} instances serve, ${wanted} are wanted: ${said(world, app)}`,
        );
      }
    },
  };
}

/** Tasks that no row names are stopped; every row that runs has its task. */
export function nothingLeftOver(): Watcher {
  return {
    rule: 'nothing-left-over',
    ended(world) {
      for (const task of world.tasks()) {
        if (!task.isAlive || world.stored.instanceOfTask(task.taskId)?.taskId === task.taskId) continue;
        broken(
          'nothing-left-over',
          `${task.taskId} of ${task.appId} runs on ${task.host}, and no row names it`,
        );
      }
    },
  };
}

/** Every agent is in session again, and known to be. */
export function agentsComeBack(): Watcher {
  return {
    rule: 'agents-come-back',
    ended({ stored }) {
      for (const { info, liveness } of stored.agents.values()) {
        if (liveness !== 'connected') broken('agents-come-back', `${info.hostname} is ${liveness}`);
      }
    },
  };
}

/** From a commit to the last proxy, when nothing is in the way. */
const ARRIVAL_MS = 10_000;

/** Every proxy has the newest table, or one that was the newest a moment ago. */
export function tablesArrive(): Watcher {
  const madeAt: { readonly number: number; readonly at: number }[] = [];
  return {
    rule: 'tables-arrive',
    committed(_fact, { stored, now }) {
      const { tableNumber: number } = stored;
      if (madeAt.at(-1)?.number !== number) madeAt.push({ number, at: now });
    },
    ended({ proxies, stored, now }) {
      for (const { id, table } of proxies) {
        const missed = madeAt.find(({ number }) => number > (table?.number ?? -1));
        if (!missed || now - missed.at < ARRIVAL_MS) continue;
        broken(
          'tables-arrive',
          `${id} has table ${table?.number ?? 'none'}, stored is ${stored.tableNumber}`,
        );
      }
    },
  };
}

const said = ({ stored }: World, { id }: App): string =>
  stored
    .instancesOf(id)
    .map(
      (each) =>
        `${each.id} ${each.placed ? 'placed' : 'waiting'} ${each.routing} ${each.stop?.phase ?? ''} ${each.status?.phase ?? '-'} ${each.cause.text}`,
    )
    .join('; ');
