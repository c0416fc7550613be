// Promises 3 and 4: the floor, the ceiling, deployments that end, and nothing that is stopped without need.
import { isDeepStrictEqual } from 'node:util';
import { hasRoutablePorts } from '#libs/lifecycle';
import { isOfCurrentConfig } from '#libs/model';
import type { App, AppId, AppVersion, DeploymentId, Instance, TaskId } from '#libs/model';
import { actionOf, broken, isReplaced, newStops, type Watcher, type World } from './watch.js';
import { floorOf, isServing } from './serving.js';
import { isCanary } from './shares.js';

/** Stops of our own choice: not a person's kill, not of what is ill, not because all of it shuts down. */
const CHOSEN = new Set(['deployment', 'surplus']);

/** On its way from a report to the commit that says so, and in the rounding of clocks. */
const FLOOR_SLACK_MS = 3_000;

/**
 * One without checks that does not accept connections counts 30 s after it ran (decisions.md 12), by the clock of the leader: what is
 * stopped counted if that is over by any clock, and what is left counts if it is over by some clock. Where none of the app ever accepted
 * any, nothing was ever routed, and there is nothing to hand over: a replacement waits for nobody.
 */
export function floor(): Watcher {
  /** True times, of what was reported as running. */
  const runsSince = new Map<TaskId, number>();
  return {
    rule: 'floor',
    committed(fact, { stored, now, clockErrorMs }) {
      for (const { after } of fact.touched.instances) noteRunning(after, now);
      const unsureMs = clockErrorMs + FLOOR_SLACK_MS;
      const ranMs = ({ taskId }: Instance): number => (taskId ? now - (runsSince.get(taskId) ?? now) : 0);
      for (const { before, after } of newStops(fact)) {
        const app = stored.apps.get(after.appId);
        if (!app || !after.stop || !CHOSEN.has(after.stop.cause.kind)) continue;
        if (!isServing(before, stored.versionOf(before), ranMs(before) - unsureMs)) continue;
        if (hasRoutablePorts(stored.versionOf(before).spec) && wasNeverRouted(app.id, stored)) continue;
        const left = stored
          .instancesOf(app.id)
          .filter((each) => isServing(each, stored.versionOf(each), ranMs(each) + unsureMs)).length;
        if (left >= floorOf(app)) continue;
        broken(
          'floor',
          `${after.id} is stopped (${after.stop.cause.text}), ${left} instances of ${app.id} still serve, the floor is ${floorOf(app)}`,
        );
      }
    },
  };

  function noteRunning(instance: Instance | null | undefined, now: number): void {
    const { status, taskId } = instance ?? {};
    if (!taskId || status?.taskId !== taskId || status.phase !== 'running' || runsSince.has(taskId)) return;
    runsSince.set(taskId, now);
  }
}

const wasNeverRouted = (app: AppId, stored: World['stored']): boolean =>
  stored.instancesOf(app).every(({ routing, leftAt }) => routing === 'out' && leftAt === 0);

const MIN_READY_LABEL = 'longrun.io/min-ready-seconds';
/** The rate of a leader's clock may be off by so much. */
const SERVED_SHARE = 0.98;
/** From the decision that routes it to the commit. */
const SERVED_SLACK_MS = 500;

/**
 * A replacement stops one that serves only while enough are left that can be relied on: old ones that serve, and new ones that have really
 * served for the min-ready time, whatever the rows say of a task that has ended. One leader at a time: the clocks of two may be apart.
 */
export function servedBeforeOldGoes(): Watcher {
  /** Tasks that serve by what is stored, and who stored that. */
  const serves = new Map<TaskId, string>();
  return {
    rule: 'served-before-old-goes',
    committed(fact, world) {
      const { stored } = world;
      for (const { after } of fact.touched.instances) if (after) note(after, fact.by, world);
      for (const { before, after } of newStops(fact)) {
        const app = stored.apps.get(after.appId);
        if (!app || after.stop?.cause.kind !== 'deployment' || !isReplaced(app.id, stored)) continue;
        const isOld = (each: Instance): boolean => !isOfCurrentConfig(each.version, app.current);
        if (!isOld(before) || !isServing(before, stored.versionOf(before), 0)) continue;
        const minReadyMs = Number(app.current.spec.labels[MIN_READY_LABEL] ?? 0) * 1000;
        const leastMs = minReadyMs * SERVED_SHARE - SERVED_SLACK_MS;
        const left = stored
          .instancesOf(app.id)
          .filter((each) => isServing(each, stored.versionOf(each), Infinity))
          .filter((each) => isOld(each) || servedMs(each, fact.by, world) >= leastMs).length;
        if (left >= floorOf(app)) continue;
        broken(
          'served-before-old-goes',
          `${after.id} is stopped (${after.stop.cause.text}); ${left} of ${app.id} are left that serve and did so for ${minReadyMs / 1000} s, the floor is ${floorOf(app)}`,
        );
      }
    },
  };

  function note({ taskId, status, routing, ...row }: Instance, by: string, { stored }: World): void {
    if (taskId === undefined) return;
    const isIn = routing === 'in' || !hasRoutablePorts(stored.versionOf(row).spec);
    const isRunning = status?.taskId === taskId && status.phase === 'running';
    if (!isIn || !isRunning) serves.delete(taskId);
    else if (!serves.has(taskId)) serves.set(taskId, by);
  }

  /** As it really ran, for a commit may be late. Infinity: nobody can say. */
  function servedMs({ taskId }: Instance, leader: string, world: World): number {
    const task = taskId === undefined ? undefined : world.task(taskId);
    if (!task || serves.get(task.taskId) !== leader) return Infinity;
    return (task.endedAt ?? world.now) - (task.runningAt ?? world.now);
  }
}

export function capacity(): Watcher {
  return {
    rule: 'capacity',
    committed({ touched }, { stored }) {
      const made = new Set(
        touched.instances.flatMap(({ before, after }) => (!before && after ? [after.appId] : [])),
      );
      for (const id of made) {
        const app = stored.apps.get(id);
        if (!app || !isReplaced(id, stored)) continue;
        const { instances: n, upgradeStrategy } = app.current.spec;
        // one more is allowed where there is no room in either direction (behaviour.md 5)
        const most = n + Math.floor(n * upgradeStrategy.maximumOverCapacity + 1e-9) + 1;
        const exist = stored.instancesOf(id).filter((each) => each.unreachableSince === undefined).length;
        if (exist > most) broken('capacity', `${exist} instances of ${id} exist, at most ${most} may`);
      }
    },
  };
}

/** Longer than any deadline that scenarios set for an app's checks to pass, on top of the time without a leader. */
const DEADLINE_SLACK_MS = 180_000;

/** No deployment stands still for longer than its app's deadline, while somebody leads. */
export function deploymentsEnd(): Watcher {
  const progress = new Map<
    DeploymentId,
    { readonly at: number; readonly mark: string; readonly leaderlessMs: number }
  >();
  return {
    rule: 'deployments-end',
    swept({ stored, now, leaderlessMs, ledSince }) {
      for (const id of progress.keys()) if (!stored.deployments.has(id)) progress.delete(id);
      for (const { id, progressMark, currentStep, steps } of stored.deployments.values()) {
        const mark = `${currentStep} ${progressMark}`;
        const known = progress.get(id);
        const isWaiting = steps[currentStep - 1]?.actions.some(({ app }) => isCanary(app, stored));
        if (known?.mark !== mark || isWaiting) {
          progress.set(id, { at: now, mark, leaderlessMs });
          continue;
        }
        const idleMs = now - known.at - (leaderlessMs - known.leaderlessMs);
        const limitMs = deadlineMs(
          steps.flatMap((step) => step.actions.map(({ app }) => app)),
          stored,
        );
        if (ledSince === null || idleMs < limitMs) continue;
        broken(
          'deployments-end',
          `deployment ${id} has stood still for ${Math.round(idleMs / 1000)} s with a leader and runs on`,
        );
      }
    },
  };
}

/** Apps that are gone hold nothing up. */
function deadlineMs(apps: readonly AppId[], stored: World['stored']): number {
  const each = apps.flatMap((id) => {
    const spec = stored.apps.get(id)?.current.spec;
    if (!spec) return [];
    const label = Number(spec.labels['longrun.io/progress-deadline-seconds'] ?? 600);
    return [(label + spec.maxLaunchDelaySeconds) * 1000];
  });
  return Math.max(0, ...each) + DEADLINE_SLACK_MS;
}

/** What differs between two versions of an app besides the number of instances. */
function sameConfig(a: AppVersion, b: AppVersion): boolean {
  return isDeepStrictEqual({ ...a.spec, instances: 0 }, { ...b.spec, instances: 0 });
}

/**
 * A deployment stops nothing that already is what it wants: not when a definition comes back whose instances still run. A restart
 * that a person asked for is told by its version: nothing in it differs from the one before.
 */
export function noNeedlessStops(): Watcher {
  const restarts = new Map<AppId, string>();
  return {
    rule: 'no-needless-stop',
    committing({ writes }, { stored }) {
      for (const write of writes) {
        if (write.kind !== 'put-app') continue;
        const before = stored.apps.get(write.app.id)?.current;
        const { current } = write.app;
        if (!before || before.version === current.version) continue;
        const isRestart =
          sameConfig(before, current) && before.lastConfigChangeAt !== current.lastConfigChangeAt;
        if (isRestart) restarts.set(write.app.id, current.lastConfigChangeAt);
      }
    },
    committed(fact, { stored }) {
      for (const { before, after } of newStops(fact)) {
        const app = stored.apps.get(after.appId);
        if (!app || app.removing || after.stop?.cause.kind !== 'deployment') continue;
        if ((restarts.get(app.id) ?? '') > before.version) continue;
        const version = stored.versionOf(after);
        if (!sameConfig(version, app.current)) continue;
        const staying = stored
          .instancesOf(app.id)
          .filter((each) => each.goal === 'running' && sameConfig(stored.versionOf(each), app.current));
        if (staying.length >= app.current.spec.instances) continue;
        // a change of the number alone takes its victims by kill selection, whatever their version (behaviour.md 4)
        if (isSurplusOfScaling(app, stored)) continue;
        broken(
          'no-needless-stop',
          `${after.id} is what ${app.id} wants and is stopped (${after.stop.cause.text}); ${staying.length} of ${app.current.spec.instances} stay`,
        );
      }
    },
  };
}

/** The current step only changes the number of instances, and as many as wanted stay. */
function isSurplusOfScaling({ id, current }: App, stored: World['stored']): boolean {
  const staying = stored.instancesOf(id).filter(({ goal }) => goal === 'running');
  return actionOf(id, stored)?.action === 'ScaleApplication' && staying.length >= current.spec.instances;
}
