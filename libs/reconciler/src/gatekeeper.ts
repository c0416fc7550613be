// The only place that makes a stop (promise 3). It guards one number per app: ceil(instances x minimumHealthCapacity) instances
// stay healthy and routed through every stop of ours. A person's kill is obeyed below the floor; an instance that is not healthy
// and routed never lowers it. It starts a stop; how it goes on (confirm, drain, kill) is `advance-stops.ts`.
import { minimumHealthy } from '#libs/planner';
import { counted } from '#libs/model';
import type { App, Cause, Instance } from '#libs/model';
import type { Write } from '#libs/store';
import { isAvailable } from './classify.js';
import type { AppSituation } from './classify.js';
import type { ClusterSnapshot } from './snapshot.js';

/** A ClusterSnapshot is one. */
export type StopView = Pick<
  ClusterSnapshot,
  'apps' | 'instancesOf' | 'versionOf' | 'tableNumber' | 'settings' | 'officeSince'
> & {
  /** How many instances of the app are healthy and routed, for a view that keeps count; otherwise they are counted here. */
  availableOf?(app: App): number;
};

export type StopVerdict =
  /** Commit these: the instance begins to leave (or is gone at once, for it ran nowhere). */
  | { readonly kind: 'granted'; readonly instance: Instance | null; readonly writes: readonly Write[] }
  /** It is on its way there already. */
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'refused';
      /** For a person. */
      readonly text: string;
      readonly floor: number;
      readonly available: number;
    };

/** Decides one stop. Several in one commit: pass each a view that shows the ones before. */
export function requestStop(
  view: StopView,
  instance: Instance,
  cause: Cause,
  then: 'remove' | 'relaunch',
  now: number,
): StopVerdict {
  if (instance.stop) return hurryStop(instance, instance.stop, cause, then);
  if (!instance.placed) {
    if (then === 'relaunch') return { kind: 'unchanged' };
    return { kind: 'granted', instance: null, writes: [{ kind: 'remove-instance', id: instance.id }] };
  }
  const refusal = refusalOf(view, instance, cause, now);
  return refusal ?? startStop(view, instance, cause, then, now);
}

/** What the floor of an app is now; 0 while it is removed. */
export const floorOf = (app: App): number =>
  app.removing
    ? 0
    : minimumHealthy(app.current.spec.instances, app.current.spec.upgradeStrategy.minimumHealthCapacity);

function refusalOf(
  view: StopView,
  instance: Instance,
  cause: Cause,
  now: number,
): Extract<StopVerdict, { kind: 'refused' }> | null {
  const app = view.apps.get(instance.appId);
  if (!app || cause.kind === 'kill' || cause.kind === 'shutdown') return null;
  const floor = floorOf(app);
  const situation: AppSituation = {
    app,
    instances: view.instancesOf(app.id),
    versionOf: (each) => view.versionOf(each),
    settings: view.settings,
    officeSince: view.officeSince,
    now,
  };
  if (!isAvailable(instance, situation)) return null;
  const available =
    view.availableOf?.(app) ?? situation.instances.filter((each) => isAvailable(each, situation)).length;
  if (available - 1 >= floor) return null;
  const text = `${app.id} has ${counted(available, 'healthy and routed instance')} and must keep ${floor}`;
  return { kind: 'refused', text, floor, available };
}

function startStop(
  view: StopView,
  instance: Instance,
  cause: Cause,
  then: 'remove' | 'relaunch',
  now: number,
): StopVerdict {
  const leaves = instance.routing !== 'out';
  const leftAt = view.tableNumber + 1;
  const { routedAt: _, ...rest } = instance;
  const row: Instance = {
    ...rest,
    goal: then === 'remove' ? 'stopped' : instance.goal,
    stop: { phase: 'unrouting', cause, since: now, then },
    routing: 'out',
    leftAt: leaves ? leftAt : instance.leftAt,
    goalRevision: instance.goalRevision + 1,
  };
  const table: readonly Write[] = leaves ? [{ kind: 'set-table-number', number: leftAt }] : [];
  return { kind: 'granted', instance: row, writes: [{ kind: 'put-instance', instance: row }, ...table] };
}

/** A stop under way keeps its phase; all that can change is that the instance does not come back. */
function hurryStop(
  instance: Instance,
  stop: NonNullable<Instance['stop']>,
  cause: Cause,
  then: 'remove' | 'relaunch',
): StopVerdict {
  if (stop.then === 'remove' || then === 'relaunch') return { kind: 'unchanged' };
  const row: Instance = {
    ...instance,
    goal: 'stopped',
    stop: { ...stop, cause, then },
    goalRevision: instance.goalRevision + 1,
  };
  return { kind: 'granted', instance: row, writes: [{ kind: 'put-instance', instance: row }] };
}
