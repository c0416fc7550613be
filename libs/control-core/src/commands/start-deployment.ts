// Turns changes of definitions into rows: the apps, their versions, the deployment with its plan, and the end of running
// deployments that it replaces (behaviour.md 1, 2, 6). Every command that changes definitions ends here; one commit each.
import { failures } from '#libs/api-contract';
import { groupChangeSuccess, type NewEvent } from '#libs/events';
import {
  timestampOf,
  type App,
  type AppChange,
  type Cause,
  type Deployment,
  type DeploymentId,
  type DeploymentStep,
  type GroupChange,
  type InstanceId,
  type Timestamp,
} from '#libs/model';
import { conflictsWith, planSteps, replacedApps, type Wanted } from '#libs/planner';
import { hostAges, servicePortsSince, siblingsAmong, type SiblingsOf } from '#libs/routing';
import type { Write } from '#libs/store';
import type { Foreseeable } from '../foresight/foresight.js';
import type { Proposal } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { groupWrites } from './group-writes.js';
import { checkedGroupChanges } from './tree-rules.js';

/** Marathon's limit (behaviour.md 17). */
export const DEPLOYMENTS_MAX = 100;

export interface DeploymentRequest {
  readonly id: DeploymentId;
  /** Of the change; newer than every version given out before. */
  readonly version: Timestamp;
  readonly changes: readonly AppChange[];
  /** Groups that come, go or change by themselves; those above new apps are made without being named. */
  readonly groupChanges?: readonly GroupChange[];
  readonly force: boolean;
  /** For `group_change_success`. */
  readonly groupId: string;
  readonly victims?: readonly InstanceId[];
  /** A deployment that this one takes back, as the row that ends it; both become true in one commit. */
  readonly takesBack?: Deployment;
  /** It brings an older definition back: no shares of the traffic hold it. */
  readonly goesBack?: boolean;
  /** Who asked for it; absent only where nobody can be named. */
  readonly cause?: Cause;
  /** Facts about the call, before all other events. */
  readonly events?: readonly NewEvent[];
}

/** As a member of a DeploymentRequest. */
export const causedBy = (by: Cause | undefined): Pick<DeploymentRequest, 'cause'> =>
  by === undefined ? {} : { cause: by };

export interface StartedDeployment {
  readonly deploymentId: DeploymentId;
  readonly version: Timestamp;
  /** The plan, for dry runs. */
  readonly steps: readonly DeploymentStep[];
  /** Of a dry run only: what it would do. */
  readonly foreseeable?: Foreseeable;
}

export function startDeployment(
  request: DeploymentRequest,
  workingSet: WorkingSet,
  now: number,
): Proposal<StartedDeployment> {
  const { takesBack } = request;
  // one that takes another back also takes its place
  if (!takesBack && workingSet.deployments.size >= DEPLOYMENTS_MAX) {
    throw failures.tooManyDeployments(DEPLOYMENTS_MAX);
  }
  const changes = request.changes.filter(({ before, after }) => before?.version !== after?.version);
  const asked = checkedGroupChanges(changes, request.groupChanges ?? [], workingSet);
  const groups = groupWrites(changes, asked, workingSet, request.version);
  const others = [...workingSet.deployments.values()].filter(({ id }) => id !== takesBack?.id);
  const planned = planSteps(
    changes,
    wantedAfter(changes, groups.changes, workingSet),
    replacedApps(workingSet.deployments.values()),
  );
  if (planned.kind === 'cycle') {
    throw failures.ruleViolation('/', `dependencies form a cycle: ${planned.cycle.join(' -> ')}`);
  }
  const conflicting = conflictsWith(planned.steps, others);
  if (conflicting.length && !request.force) throw failures.locked(conflicting);
  const done = planned.steps.length === 0;
  const siblingsOf = siblingsAmong(workingSet.apps.values());
  const deployment: Deployment = {
    id: request.id,
    version: request.version,
    status: done ? 'succeeded' : 'running',
    steps: planned.steps,
    currentStep: 0,
    changes,
    ...(groups.changes.length ? { groupChanges: groups.changes } : {}),
    victims: request.victims ?? [],
    ...(takesBack ? { revertOf: takesBack.id } : {}),
    ...(request.cause ? { cause: request.cause } : {}),
    startedAt: now,
    ...(done ? { endedAt: now } : {}),
    progressAt: now,
    progressMark: '',
    revision: 1,
  };
  return {
    writes: [
      ...(takesBack ? [{ kind: 'put-deployment', deployment: takesBack } as const] : []),
      ...conflicting.flatMap((id) => endWrites(workingSet.deployments.get(id), request.id, now)),
      ...changes.flatMap((change) => appWrites(change, workingSet, request, siblingsOf)),
      ...groups.writes,
      { kind: 'put-deployment', deployment },
    ],
    events: [
      ...(request.events ?? []),
      groupChangeSuccess(request.groupId, request.version, timestampOf(now)),
    ],
    value: { deploymentId: request.id, version: request.version, steps: planned.steps },
  };
}

/** Every app and group as it is wanted once the changes are carried out. */
function wantedAfter(
  changes: readonly AppChange[],
  groupChanges: readonly GroupChange[],
  workingSet: WorkingSet,
): Wanted {
  const specs = new Map(
    [...workingSet.apps.values()]
      .filter(({ removing }) => !removing)
      .map((app) => [app.id, app.current.spec]),
  );
  for (const { appId, after } of changes) {
    if (after) specs.set(appId, after.spec);
    else specs.delete(appId);
  }
  const groups = new Map([...workingSet.groups].map(([id, { dependencies }]) => [id, dependencies]));
  for (const { groupId, after } of groupChanges) {
    if (after) groups.set(groupId, after.dependencies);
    else groups.delete(groupId);
  }
  return {
    specs: [...specs.values()],
    groups: [...groups].map(([id, dependencies]) => ({ id, dependencies })),
  };
}

function appWrites(
  { appId, before, after }: AppChange,
  workingSet: WorkingSet,
  { takesBack, goesBack = false }: DeploymentRequest,
  siblingsOf: SiblingsOf,
): Write[] {
  const isTakenBack = takesBack !== undefined || goesBack;
  const stored = workingSet.apps.get(appId);
  // what a person set for it went with the app, unless its removal is taken back
  const kept = stored?.removing && !isTakenBack ? withoutSettings(stored) : stored;
  // going back is no rollout that shares may hold: the version that is left would keep its share
  const app = kept && isTakenBack ? withoutTraffic(kept) : kept;
  if (after) {
    // one that is being removed asks for nothing: it comes anew, unless its removal is taken back
    const asking = app?.removing && !isTakenBack ? undefined : app;
    const siblings = siblingsOf(after.spec);
    const now = {
      ...{ current: after, removing: false },
      servicePortsSince: servicePortsSince(asking, after, siblings),
      ...hostAges(asking, after, { siblings, isTakenBack: takesBack !== undefined }),
    };
    const next: App = app
      ? { ...withoutHostAges(app), ...now, revision: app.revision + 1 }
      : { id: appId, ...now, revision: 1 };
    return [
      { kind: 'add-version', version: after },
      { kind: 'put-app', app: next },
    ];
  }
  return app && before
    ? [{ kind: 'put-app', app: { ...app, removing: true, revision: app.revision + 1 } }]
    : [];
}

function withoutSettings({ settings: _, traffic: _shares, ...app }: App): App {
  return app;
}
function withoutHostAges({ hostsSince: _, hostsLeft: _left, ...app }: App): App {
  return app;
}
function withoutTraffic({ traffic: _, ...app }: App): App {
  return app;
}

/** A running deployment ends where it is; nothing of it is undone (behaviour.md 6). */
export const cancelled = (deployment: Deployment, reason: string, now: number): Deployment => ({
  ...deployment,
  status: 'cancelled',
  endedAt: now,
  reason,
  revision: deployment.revision + 1,
});

function endWrites(deployment: Deployment | undefined, by: DeploymentId, now: number): Write[] {
  if (!deployment) return [];
  const ended = cancelled(deployment, `superseded by deployment ${by}`, now);
  return [{ kind: 'put-deployment', deployment: ended }];
}
