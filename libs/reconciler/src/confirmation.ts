// What the proxies have said about a table and about requests in flight (decisions.md 10, 11).
// A proxy whose lease is over no longer holds back a stop; a port goes to another app only with the word of all of them.
import { DRAIN_LABEL, hasRoutablePorts } from '#libs/lifecycle';
import type { AppVersion, Instance, ProxyNode } from '#libs/model';
import type { ClusterSnapshot, ReconcileSettings } from './snapshot.js';

type ProxyView = Pick<ClusterSnapshot, 'proxies'>;

const liveProxies = ({ proxies }: ProxyView, now: number): readonly ProxyNode[] =>
  [...proxies.values()].filter((each) => each.leaseUntil > now);

/** Can no live proxy choose this instance for a new request any more? True as well when none ever could. */
export function isConfirmedOut(
  instance: Instance,
  version: AppVersion,
  view: ProxyView,
  now: number,
): boolean {
  if (instance.routing !== 'out') return false;
  if (instance.leftAt === 0 || !hasRoutablePorts(version.spec)) return true;
  return liveProxies(view, now).every((each) => each.confirmed.number >= instance.leftAt);
}

/**
 * Has every request and connection to this task ended at all live proxies? Only meaningful once it is confirmed out. Of a proxy that a
 * new leader has not heard yet nobody knows.
 */
export function isDrained(instance: Instance, version: AppVersion, view: ProxyView, now: number): boolean {
  const { taskId } = instance;
  if (taskId === undefined || instance.leftAt === 0 || !hasRoutablePorts(version.spec)) return true;
  return liveProxies(view, now).every((each) => !each.isUnheard && (each.inFlight[taskId] ?? 0) === 0);
}

/** When the next lease ends of those that still hold this instance's stop back. */
export function nextLeaseEnd(instance: Instance, view: ProxyView, now: number): number {
  return liveProxies(view, now)
    .filter((each) => each.confirmed.number < instance.leftAt)
    .reduce((earliest, each) => Math.min(earliest, each.leaseUntil), Infinity);
}

/** Every registered proxy, live or not, has confirmed at least this table; null = there is none. */
export function confirmedTable({ proxies }: ProxyView): number | null {
  if (!proxies.size) return null;
  return Math.min(...[...proxies.values()].map((each) => each.confirmed.number));
}

/** Most time for requests in flight: the app's label, or the setting. A label that is no number of seconds is as if absent. */
export function drainMsOf({ spec }: AppVersion, settings: ReconcileSettings): number {
  const seconds = Number(spec.labels[DRAIN_LABEL]?.trim() || Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : settings.drainMs;
}
