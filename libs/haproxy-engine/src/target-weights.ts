// HAProxy balances by weights from 0 to 256, and asks servers in reserve (`backup`) when no other one answers. What the built-in engine
// decides per request is said so here: suspects only when there is nobody else, shares by version whatever the number of instances, the
// own zone before others.
import type { RouteService, RouteTarget } from '#libs/routing';

const WEIGHT_MAX = 256;

/** Whom a backend is for. */
export interface Preference {
  /** Where this proxy runs, for services that prefer targets of their own zone. */
  readonly zone?: string;
  /** Only targets of this version, while they answer: a pin's. */
  readonly version?: string;
}

export interface Standing {
  /** 0: no new request. */
  readonly weight: number;
  /** Asked only when none of those that are not in reserve answers. */
  readonly isReserve: boolean;
}

/** By task. */
type Weights = Map<RouteTarget['taskId'], number>;

export const keepsReserve = ({ policy }: RouteService, { zone }: Preference): boolean =>
  zone !== undefined && policy?.preferZone === true;

/** `out`: those that are left out for failing; they keep their kind of place, and the others share what there is. */
export function standingsOf(
  service: RouteService,
  preference: Preference = {},
  out: ReadonlySet<RouteTarget['taskId']> = new Set(),
): ReadonlyMap<RouteTarget['taskId'], Standing> {
  const usual = ableOf(service.targets, preference);
  const far = keepsReserve(service, preference)
    ? farOnes(service, usual, preference)
    : new Set<RouteTarget>();
  const able =
    out.size === 0
      ? usual
      : ableOf(
          service.targets.filter(({ taskId }) => !out.has(taskId)),
          preference,
        );
  const weights = [able.filter((each) => !far.has(each)), able.filter((each) => far.has(each))].map(
    (some) => {
      const raw: Weights = new Map(some.map((target) => [target.taskId, weightOf(target)]));
      // all of them 0: better anyone than nobody
      if (preference.version === undefined && !able.some((each) => weightOf(each) > 0))
        for (const { taskId } of some) raw.set(taskId, 1);
      if (preference.version === undefined) share(service, some, raw);
      return scale(raw);
    },
  );
  return new Map(
    service.targets.map((target) => {
      const isReserve = far.has(target);
      return [target.taskId, { weight: weights[isReserve ? 1 : 0]?.get(target.taskId) ?? 0, isReserve }];
    }),
  );
}

const weightOf = ({ weight = 1 }: RouteTarget): number => weight;

function ableOf(targets: readonly RouteTarget[], { version }: Preference): readonly RouteTarget[] {
  const sound = targets.filter(({ suspect }) => !suspect);
  if (version !== undefined) return sound.filter((each) => each.version === version);
  return sound.length > 0 ? sound : targets;
}

/** Those of another zone that have a sibling in ours: of the same version when versions have shares, which are not to depend on zones. */
function farOnes(
  { traffic }: RouteService,
  able: readonly RouteTarget[],
  { zone }: Preference,
): Set<RouteTarget> {
  const groupOf = ({ version }: RouteTarget): string | undefined => (traffic ? version : undefined);
  const near = able.filter((each) => each.zone === zone && weightOf(each) > 0);
  const groups = new Set(near.map(groupOf));
  return new Set(able.filter((each) => each.zone !== zone && groups.has(groupOf(each))));
}

/** A version's share is divided among its targets; one that is not named gets nothing while one that is named is there. */
function share({ traffic }: RouteService, able: readonly RouteTarget[], raw: Weights): void {
  if (!traffic) return;
  const byVersion = new Map<string, number>();
  for (const { version, taskId } of able)
    if (version !== undefined) byVersion.set(version, (byVersion.get(version) ?? 0) + (raw.get(taskId) ?? 0));
  const wanted = traffic.shares.filter(
    ({ version, weight }) => weight > 0 && (byVersion.get(version) ?? 0) > 0,
  );
  if (wanted.length === 0) return;
  const weights = new Map(wanted.map(({ version, weight }) => [version, weight]));
  for (const { version, taskId } of able) {
    const own = raw.get(taskId) ?? 0;
    const part = version === undefined ? undefined : weights.get(version);
    raw.set(
      taskId,
      part === undefined || version === undefined ? 0 : (part * own) / (byVersion.get(version) ?? 1),
    );
  }
}

/** Whole numbers up to 256; what is above 0 stays above 0. Plain weights (all whole and small) stay as they are. */
function scale(raw: Weights): Weights {
  const most = Math.max(...raw.values(), 0);
  const isPlain = [...raw.values()].every((weight) => Number.isInteger(weight)) && most <= WEIGHT_MAX;
  if (isPlain) return raw;
  return new Map(
    [...raw].map(([task, weight]) => [
      task,
      weight > 0 ? Math.max(1, Math.round((weight / most) * WEIGHT_MAX)) : 0,
    ]),
  );
}
