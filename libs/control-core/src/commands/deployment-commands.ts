// What a person does with a running deployment: take it back, or stop it where it is (behaviour.md 6); and with a launch delay:
// forget it (behaviour.md 9).
import { failures } from '#libs/api-contract';
import { hasEnded } from '#libs/lifecycle';
import {
  asDeploymentId,
  type AppChange,
  type AppId,
  type Deployment,
  type DeploymentId,
  type Timestamp,
} from '#libs/model';
import { nextVersion, revertChanges } from '#libs/planner';
import type { Ids } from '#libs/time';
import type { Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { livingApp } from './app-commands.js';
import { cancelledBy, startDeployment, type StartedDeployment } from './start-deployment.js';

export class DeploymentCommands {
  constructor(
    private readonly lane: Lane,
    private readonly ids: Ids,
  ) {}

  /** Starts a new deployment that takes back this one's changes, and ends this one. */
  rollBack(id: DeploymentId): Promise<StartedDeployment> {
    return this.lane.submit((workingSet, now) => {
      const deployment = running(workingSet, id);
      const changes = revertChanges(deployment, workingSet.apps);
      const started = this.#takeBack(changes, true, workingSet, now);
      const replaced = started.writes.some(
        (write) => write.kind === 'put-deployment' && write.deployment.id === id,
      );
      if (replaced) return started;
      return {
        ...started,
        writes: [cancelledBy(deployment, 'cancelled: rolled back', now), ...started.writes],
      };
    });
  }

  /** For a deployment that failed by itself. One that somebody started meanwhile on the same apps is not disturbed. */
  undoFailed(id: DeploymentId, changes: readonly AppChange[]): Promise<StartedDeployment | null> {
    return this.lane.submit<StartedDeployment | null>((workingSet, now) => {
      const locked = changes.some(({ appId }) =>
        workingSet.deploymentsOf(appId).some((each) => each.id !== id),
      );
      if (locked) return { writes: [], value: null };
      return this.#takeBack(changes, false, workingSet, now);
    });
  }

  /** Stops the orchestration; nothing of it is undone. */
  cancel(id: DeploymentId): Promise<void> {
    return this.lane.submit((workingSet, now) => ({
      writes: [cancelledBy(running(workingSet, id), 'cancelled by a person', now)],
      value: undefined,
    }));
  }

  resetDelay(id: AppId): Promise<void> {
    return this.lane.submit((workingSet) => {
      const app = livingApp(workingSet, id);
      const waits = workingSet
        .instancesOf(id)
        .some((each) => each.goal === 'running' && (!each.placed || hasEnded(each)));
      if (!app || !waits) throw failures.notInQueue(id);
      const { launchDelay, ...rest } = app;
      if (!launchDelay) return { writes: [], value: undefined };
      return {
        writes: [{ kind: 'put-app', app: { ...rest, revision: app.revision + 1 } }],
        value: undefined,
      };
    });
  }

  #takeBack(changes: readonly AppChange[], force: boolean, workingSet: WorkingSet, now: number) {
    const version = workingSet.nextVersion(now);
    const dated = changes.map((change) => withDate(change, version, workingSet));
    const id = asDeploymentId(this.ids.uuid());
    return startDeployment({ id, version, changes: dated, force, groupId: '/' }, workingSet, now);
  }
}

/** An old definition comes back under a new version, for instances made meanwhile must count as outdated. */
function withDate({ appId, after }: AppChange, version: Timestamp, workingSet: WorkingSet): AppChange {
  const before = livingApp(workingSet, appId)?.current ?? null;
  if (!after) return { appId, before, after: null };
  const next = nextVersion(before, after.spec, version);
  return { appId, before, after: next.kind === 'new' ? next.version : before };
}

function running(workingSet: WorkingSet, id: DeploymentId): Deployment {
  const deployment = workingSet.deployments.get(id);
  if (!deployment) throw failures.deploymentNotFound(id);
  return deployment;
}
