// Rolling replacement (behaviour.md 5): how many new instances may start and how many old ones may stop at this moment.
// It looks at the two sets that exist now, each time anew, so it needs no memory and goes on after any interruption.
// Invariant: stopping `mayStop` old instances, unhealthy ones first, leaves at least `minHealthy` healthy ones where so many are.
import { shareRoundedDown, shareRoundedUp } from './exact-share.js';

export interface RollingSets {
  /** Wanted instances. */
  readonly n: number;
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  readonly old: {
    /** May be running on a reachable agent, those being stopped included. */
    readonly active: number;
    /** Without a stop. */
    readonly wanted: number;
    /** Of these: considered healthy (and routed). */
    readonly healthy: number;
    /** Of the wanted: not considered healthy, and not to be stopped whatever there is room for. Absent: none. */
    readonly keptUnhealthy?: number;
  };
  readonly new: {
    /** Wanted ones that exist, waiting to be launched included. */
    readonly started: number;
    /** Of these: considered healthy (and routed), and that for long enough to be relied on. */
    readonly healthy: number;
    /** Of these: considered healthy (and routed) at this moment; absent: as many as `healthy`. */
    readonly serving?: number;
  };
}

export interface RollingWindow {
  readonly minHealthy: number;
  readonly maxCapacity: number;
  /** New instances to create now. */
  readonly mayStart: number;
  /** Old instances to stop now, unhealthy ones first. */
  readonly mayStop: number;
}

/** ceil(n x minimumHealthCapacity): the floor of promise 3. */
export const minimumHealthy = (n: number, minimumHealthCapacity: number): number =>
  shareRoundedUp(n, minimumHealthCapacity);

/** What may start and stop now. Both 0 with old instances left means: wait. */
export function rollingWindow(sets: RollingSets): RollingWindow {
  const { n, old, new: fresh } = sets;
  const minHealthy = minimumHealthy(n, sets.minimumHealthCapacity);
  const healthy = old.healthy + fresh.healthy;
  const maxCapacity = capacity(sets, minHealthy, healthy);
  const mayStart = Math.min(
    Math.max(0, n - fresh.started),
    Math.max(0, maxCapacity - old.active - fresh.started),
  );
  // Each healthy new one makes an old one surplus, and so are old ones beyond n. As the unhealthy go first, this stops
  // at most (healthy - n) healthy ones, so it never breaks the floor.
  const surplus = old.wanted + fresh.healthy - n;
  const unhealthy = stoppableUnhealthy(sets);
  // an unhealthy old one protects nothing, so it need not wait until the new one has proved itself
  const unhealthySurplus = Math.min(unhealthy, old.wanted + (fresh.serving ?? fresh.healthy) - n);
  const mayStop = Math.min(
    old.wanted,
    Math.max(0, surplus, healthy - minHealthy, unhealthySurplus),
    // no healthy one goes for an unhealthy one that is kept
    unhealthy + Math.max(0, healthy - minHealthy),
  );
  const window = { minHealthy, maxCapacity, mayStart, mayStop };
  return isStuck(sets, window) ? { ...window, mayStop: 1 } : window;
}

function capacity({ n, maximumOverCapacity }: RollingSets, minHealthy: number, healthy: number): number {
  const maxCapacity = n + shareRoundedDown(n, maximumOverCapacity);
  // no room in either direction: one extra for the moment
  return minHealthy === maxCapacity && maxCapacity <= healthy ? maxCapacity + 1 : maxCapacity;
}

/** Marathon's gap: nothing may start, nothing may stop and nothing is on its way. An unhealthy old one then makes room; that lowers no healthy count. */
function isStuck(sets: RollingSets, { mayStart, mayStop }: RollingWindow): boolean {
  const { n, old, new: fresh } = sets;
  const nothingMoves = mayStart === 0 && mayStop === 0 && old.active === old.wanted;
  const nothingIsComing = fresh.started === fresh.healthy && fresh.started < n;
  return nothingMoves && nothingIsComing && stoppableUnhealthy(sets) > 0;
}

const stoppableUnhealthy = ({ old }: RollingSets): number =>
  old.wanted - old.healthy - (old.keptUnhealthy ?? 0);
