// The mass-kill brake (promise 5): when a large share of what was healthy turns unhealthy at once, the checker is suspected first.
// Read from the reports as they are now, so it holds as long as they say so and needs no memory.
import { currentStatus, healthOf } from '#libs/lifecycle';
import type { AppVersion, Instance } from '#libs/model';
import type { BrakeSettings, FleetHealth } from './snapshot.js';

/** What one instance adds to the counts; null = nothing. `at`: the last time it was well (the agent's clock). */
export type HealthMark =
  { readonly kind: 'healthy' } | { readonly kind: 'turned'; readonly at: number } | null;

/** An instance that never was healthy is no sign of a broken checker, it is a broken release. */
export function healthMark(instance: Instance, version: AppVersion): HealthMark {
  const health = healthOf(instance, version);
  if (health === null) return null;
  if (health) return { kind: 'healthy' };
  const failing = (currentStatus(instance)?.health ?? []).filter((each) => each && !each.alive);
  const wellAt = failing.map((each) => each?.lastSuccessAt);
  if (wellAt.some((each) => each === undefined)) return null;
  return { kind: 'turned', at: Math.min(...wellAt.map((each) => each ?? 0)) };
}

export function healthCounts(marks: Iterable<HealthMark>): FleetHealth {
  let healthy = 0;
  const turnedUnhealthyAt: number[] = [];
  for (const mark of marks) {
    if (mark?.kind === 'healthy') healthy += 1;
    else if (mark) turnedUnhealthyAt.push(mark.at);
  }
  return { healthy, turnedUnhealthyAt };
}

/** Did at least `minimumInstances` and at least `share` of those healthy before turn unhealthy within one window? */
export function isBraking({ healthy, turnedUnhealthyAt }: FleetHealth, settings: BrakeSettings): boolean {
  const times = [...turnedUnhealthyAt].sort((a, b) => a - b);
  let first = 0;
  let together = 0;
  for (const [index, at] of times.entries()) {
    while (at - (times[first] ?? at) > settings.windowMs) first += 1;
    together = Math.max(together, index - first + 1);
  }
  return together >= settings.minimumInstances && together >= settings.share * (healthy + together);
}
