// What a person does with a running deployment: take it back, or stop it where it is (behaviour.md 6); and with a launch delay:
// forget it (behaviour.md 9).
import { failures, LongrunError } from '#libs/api-contract';
import { hasEnded } from '#libs/lifecycle';
import {
  asDeploymentId,
  type AppChange,
  type AppId,
  type Cause,
  type Deployment,
  type DeploymentId,
  type Timestamp,
} from '#libs/model';
import { isRestartRelevant, nextVersion, revertChanges, revertGroups } from '#libs/planner';
import type { Ids } from '#libs/time';
import type { Foresight } from '../foresight/foresight.js';
import type { Decide, Lane, Proposal } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { livingApp, runningVersions } from './app-targets.js';
import { ChangeLane } from './change-lane.js';
import {
  cancelled,
  causedBy,
  startDeployment,
  type DeploymentRequest,
  type StartedDeployment,
} from './start-deployment.js';

/** The row that ends it, and what takes its changes back. */
export interface FailedDeployment {
  readonly failed: Deployment;
  readonly changes: readonly AppChange[];
}

export class DeploymentCommands {
  constructor(
    private readonly lane: Lane,
    private readonly ids: Ids,
    private readonly foresight: Foresight,
  ) {}

  /** Starts a new deployment that takes back this one's changes, and ends this one. */
  rollBack(id: DeploymentId, dryRun = false, by?: Cause): Promise<StartedDeployment> {
    const decide: Decide<StartedDeployment> = (workingSet, now) => this.takenBack(id, by, workingSet, now);
    return dryRun ? new ChangeLane(this.lane, this.foresight).preview(decide) : this.lane.submit(decide);
  }

  /** The same as a proposal, for a command that decides more. */
  takenBack(
    id: DeploymentId,
    by: Cause | undefined,
    workingSet: WorkingSet,
    now: number,
  ): Proposal<StartedDeployment> {
    const deployment = running(workingSet, id);
    const changes = revertChanges(deployment, workingSet.apps);
    const ended = cancelled(deployment, '', now);
    return this.#takeBack(ended, { changes, force: true, ...causedBy(by) }, workingSet, now);
  }

  /**
   * Ends a deployment that failed by itself and starts the one that takes it back; for the reconcile loop, which commits both at
   * once, so that no crash can come between. Null when it cannot be taken back: somebody changed one of its apps meanwhile, or
   * its old definitions no longer fit the others.
   */
  undoFailed(
    { failed, changes }: FailedDeployment,
    workingSet: WorkingSet,
    now: number,
  ): Proposal<StartedDeployment> | null {
    const isLocked = changes.some(({ appId }) =>
      workingSet.deploymentsOf(appId).some((each) => each.id !== failed.id),
    );
    if (isLocked) return null;
    try {
      const cause = { kind: 'deployment', text: rollbackText(failed), ref: failed.id } as const;
      return this.#takeBack(failed, { changes, force: false, cause }, workingSet, now);
    } catch (error) {
      if (error instanceof LongrunError) return null;
      throw error;
    }
  }

  /** Stops the orchestration; nothing of it is undone. */
  cancel(id: DeploymentId, dryRun = false): Promise<void> {
    const decide: Decide<void> = (workingSet, now) => {
      const deployment = cancelled(running(workingSet, id), 'cancelled by a person', now);
      return { writes: [{ kind: 'put-deployment', deployment }], value: undefined };
    };
    return dryRun ? this.lane.preview(decide) : this.lane.submit(decide);
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

  #takeBack(
    ended: Deployment,
    { changes, ...rest }: Pick<DeploymentRequest, 'changes' | 'force' | 'cause'>,
    workingSet: WorkingSet,
    now: number,
  ): Proposal<StartedDeployment> {
    const version = workingSet.nextVersion(now);
    const dated = changes.map((change) => withDate(change, version, workingSet));
    const id = asDeploymentId(this.ids.uuid());
    const groupChanges = revertGroups(ended, changes, workingSet);
    const takesBack = {
      ...ended,
      reason: [ended.reason, `rolled back by deployment ${id}`].filter(Boolean).join('; '),
    };
    const request = { ...rest, id, version, changes: dated, groupChanges, groupId: '/', takesBack };
    return startDeployment(request, workingSet, now);
  }
}

/** An old definition comes back under a new version, which adopts its instances: those made meanwhile must count as outdated. */
function withDate({ appId, after }: AppChange, version: Timestamp, workingSet: WorkingSet): AppChange {
  const before = livingApp(workingSet, appId)?.current ?? null;
  if (!after) return { appId, before, after: null };
  // a restart that is taken back differs in nothing but who is outdated: nobody is, afterwards
  const isRestart = before !== null && before.lastConfigChangeAt !== after.lastConfigChangeAt;
  const changed = isRestart && !isRestartRelevant(before.spec, after.spec) ? null : before;
  const next = nextVersion(changed, after.spec, version, { running: runningVersions(appId, workingSet) });
  return { appId, before, after: next.kind === 'new' ? next.version : before };
}

const rollbackText = ({ id, reason }: Deployment): string =>
  `deployment ${id} failed and is taken back: ${reason ?? 'it gave no reason'}`;

function running(workingSet: WorkingSet, id: DeploymentId): Deployment {
  const deployment = workingSet.deployments.get(id);
  if (!deployment) throw failures.deploymentNotFound(id);
  return deployment;
}
