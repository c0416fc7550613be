// HAProxy balances by weights from 0 to 256. What the built-in engine decides per request is said by weights here: suspects only when
// there is nobody else, shares by version whatever the number of instances.
import type { RouteService, RouteTarget } from '#libs/routing';

const WEIGHT_MAX = 256;

/** By task; 0: no new request. */
export function weightsOf(service: RouteService): ReadonlyMap<RouteTarget['taskId'], number> {
  const sound = service.targets.filter(({ suspect }) => !suspect);
  const able = sound.length > 0 ? sound : service.targets;
  const raw = new Map(able.map((target) => [target.taskId, target.weight ?? 1]));
  share(service, able, raw);
  // all of them 0: better anyone than nobody
  if (![...raw.values()].some((weight) => weight > 0)) for (const { taskId } of able) raw.set(taskId, 1);
  const scaled = scale(raw);
  return new Map(service.targets.map(({ taskId }) => [taskId, scaled.get(taskId) ?? 0]));
}

/** A version's share is divided among its targets; one that is not named gets nothing while one that is named is there. */
function share(
  service: RouteService,
  able: readonly RouteTarget[],
  raw: Map<RouteTarget['taskId'], number>,
): void {
  const { traffic } = service;
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
function scale(raw: ReadonlyMap<RouteTarget['taskId'], number>): ReadonlyMap<RouteTarget['taskId'], number> {
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
