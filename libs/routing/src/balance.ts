// Chooses the task that answers a request: fewest requests in flight, ties in turn. Tasks on lost agents only when no other
// answers; tasks that did not accept a connection are left out for a while, unless that leaves nobody.
import type { RouteTarget } from './route-table.js';

export interface TargetLoad {
  /** Requests and connections in flight. */
  inFlight(target: RouteTarget): number;
  /** True while a failed connect keeps it out. */
  isEjected(target: RouteTarget): boolean;
}

export interface TargetWish {
  readonly targets: readonly RouteTarget[];
  readonly load: TargetLoad;
  /** Grows by one per pick; whoever is first from here on wins a tie. */
  readonly turn: number;
  /** Tried already for this request. */
  readonly tried?: ReadonlySet<RouteTarget['taskId']>;
}

/** Undefined when every target has been tried. */
export function pickTarget({ targets, load, turn, tried }: TargetWish): RouteTarget | undefined {
  let best: RouteTarget | undefined;
  let bestRank = Infinity;
  let bestLoad = Infinity;
  for (let step = 0; step < targets.length; step += 1) {
    const target = targets[(turn + step) % targets.length];
    if (!target || tried?.has(target.taskId)) continue;
    // a suspect target that answers is worth more than a known one that does not
    const rank = (load.isEjected(target) ? 2 : 0) + (target.suspect ? 1 : 0);
    const inFlight = load.inFlight(target);
    if (rank < bestRank || (rank === bestRank && inFlight < bestLoad)) {
      best = target;
      bestRank = rank;
      bestLoad = inFlight;
    }
  }
  return best;
}

const EJECTION_MS = 1_000;
const EJECTION_MS_MAX = 10_000;

/** How long a target stays out after this many failed connects in a row: 1, 2, 4, 8, then 10 s. */
export function ejectionMs(failures: number): number {
  return Math.min(EJECTION_MS * 2 ** Math.max(0, failures - 1), EJECTION_MS_MAX);
}
