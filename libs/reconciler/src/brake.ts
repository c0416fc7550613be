// The mass-kill brake (promise 5): when a large share of what was healthy turns unhealthy at once, the checker is suspected first.
// What is counted, and when a count is a wave. Read from the reports as they are now: nothing is counted up and down.
import { currentStatus, healthOf } from '#libs/lifecycle';
import type { AppVersion, HealthResult, Instance } from '#libs/model';
import type { BrakeSettings, FleetBrake, HealthCounts, Wave } from './snapshot.js';

/** What one instance adds to the counts; null = nothing. `at`: the last time it was well. */
export type HealthMark =
  { readonly kind: 'healthy' } | { readonly kind: 'turned'; readonly at: number } | null;

/**
 * An instance that never was healthy, or only for a moment, is no sign of a broken checker, it is a broken release. One that was killed
 * for its health and is not healthy again still counts, also while it ends, or checks that kill at once would stay below every threshold,
 * and those that kill one after the other, each with its time to end, would never meet. One on a lost
 * agent counts for nothing: nobody hears of it, so it could neither recover nor be killed, and would hold the others for ever.
 */
export function healthMark(instance: Instance, version: AppVersion): HealthMark {
  if (instance.unreachableSince !== undefined) return null;
  const health = healthOf(instance, version);
  if (health) return { kind: 'healthy' };
  const isFailing = health === false || instance.stop?.cause.kind === 'health';
  const at = (isFailing ? wellAt(instance) : null) ?? replacedAt(instance);
  return at === null ? null : { kind: 'turned', at };
}

/** Healthy for less than this is not healthy: a release that comes up and turns bad at once. */
const SETTLED_MS = 10_000;

/**
 * When it was last well; null: one of its failing checks never passed, or not for long enough. By the control plane's clock, for the
 * clocks of agents may differ by more than a window; a report of an older release has only its agent's word.
 */
export function wellAt(instance: Instance): number | null {
  const status = currentStatus(instance);
  const failing = (status?.health ?? []).filter((each) => each !== null && !each.alive);
  const times = failing.map((each) => {
    const until = each ? settledUntil(each) : undefined;
    return until === undefined ? status?.turnedAt : (status?.failingSince ?? until);
  });
  const known = times.filter((each) => each !== undefined);
  return !times.length || known.length < times.length ? null : Math.min(...known);
}

function settledUntil({ firstSuccessAt, lastSuccessAt }: HealthResult): number | undefined {
  if (firstSuccessAt === undefined || lastSuccessAt === undefined) return undefined;
  return lastSuccessAt - firstSuccessAt >= SETTLED_MS ? lastSuccessAt : undefined;
}

/** When the incarnation that was killed for its health was well, as long as the one after it has not been. */
function replacedAt(instance: Instance): number | null {
  const { cause, placed, lastWellAt } = instance;
  const isOut = cause.kind === 'health' && placed && currentStatus(instance)?.wasHealthy !== true;
  return isOut ? (lastWellAt ?? null) : null;
}

export function healthCounts(marks: Iterable<HealthMark>): HealthCounts {
  let healthy = 0;
  const turnedUnhealthyAt: number[] = [];
  for (const mark of marks) {
    if (mark?.kind === 'healthy') healthy += 1;
    else if (mark) turnedUnhealthyAt.push(mark.at);
  }
  return { healthy, turnedUnhealthyAt };
}

/** 0.1 of 30 is 3, not a little more. */
const ROUNDING = 1e-9;

/** How many must turn unhealthy within the window; Infinity: the brake is switched off. */
export function threshold(were: number, { minimumInstances, share }: BrakeSettings): number {
  return minimumInstances === 0 ? Infinity : Math.max(minimumInstances, Math.ceil(share * were - ROUNDING));
}

/** The most of them that turned within one window, if those are enough of those that were healthy before. */
export function waveOf({ healthy, turnedUnhealthyAt }: HealthCounts, settings: BrakeSettings): Wave | null {
  const wave = largestWave(turnedUnhealthyAt, settings.windowMs);
  return wave && wave.size >= threshold(healthy + wave.size, settings) ? wave : null;
}

/** Null: none turned. */
export function largestWave(turnedAt: readonly number[], windowMs: number): Wave | null {
  const times = [...turnedAt].sort((a, b) => a - b);
  let first = 0;
  let largest: Wave | null = null;
  for (const [index, to] of times.entries()) {
    while (to - (times[first] ?? to) > windowMs) first += 1;
    const size = index - first + 1;
    if (size > (largest?.size ?? 0)) largest = { size, from: times[first] ?? to, to };
  }
  return largest;
}

/** Over all apps; and over those that have no wave of their own, so that one app's failure is not taken for everybody's. */
export function fleetBrakeOf(apps: Iterable<HealthCounts>, settings: BrakeSettings): FleetBrake {
  const all = [...apps];
  const counts = sumOf(all);
  const rest = sumOf(all.filter((each) => !waveOf(each, settings)));
  return { counts, wave: waveOf(counts, settings), waveOfRest: waveOf(rest, settings) };
}

const sumOf = (counts: readonly HealthCounts[]): HealthCounts => ({
  healthy: counts.reduce((sum, { healthy }) => sum + healthy, 0),
  turnedUnhealthyAt: counts.flatMap(({ turnedUnhealthyAt }) => turnedUnhealthyAt),
});

/** In an app that the fleet's brake holds although few others of its size are hit: more than one, for one alone is replaced as usual. */
const FEWEST_OF_A_SMALL_APP = 2;

/**
 * Whose wave speaks against the checks of an app: its own (`app`), or the fleet's. That of the fleet does so for an instance which was
 * not well after it (then its check has worked since), and only where many others are hit as well, or much of the app itself:
 * one app's failure does not keep the one bad instance of another one alive.
 */
export function suspicionOf(
  app: HealthCounts,
  fleet: FleetBrake,
  settings: BrakeSettings,
): 'app' | 'fleet' | null {
  if (waveOf(app, settings)) return 'app';
  const { wave, waveOfRest } = fleet;
  if (!wave) return null;
  if (waveOfRest && app.turnedUnhealthyAt.some((at) => at <= waveOfRest.to)) return 'fleet';
  const hit = app.turnedUnhealthyAt.filter((at) => at <= wave.to).length;
  return hit >= FEWEST_OF_A_SMALL_APP && hit >= settings.share * (app.healthy + hit) ? 'fleet' : null;
}
