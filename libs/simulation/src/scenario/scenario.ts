// What happens to a simulated cluster from outside, as data: its size, what people ask of it, and what goes wrong. Every action stands
// for itself (a fault brings its own end along), so that any of them can be left out when a failing run is made smaller.
import type { Write } from '#libs/store';

/** What the tasks of a version do once they are started. */
export type Behaviour =
  | 'good'
  | 'slow' // ready after half a minute
  | 'crashes-at-start'
  | 'crashes-after' // runs well for some seconds, then ends; again and again
  | 'never-healthy'
  | 'never-ready' // healthy, but never answers its readiness check
  | 'goes-bad' // healthy, and answers 500 for good after some seconds
  | 'flaps' // health comes and goes
  | 'ignores-term' // ends by SIGKILL only
  | 'image-missing'
  | 'pulls-long'; // its image takes minutes

/** A definition as a person writes it; `toDefinition` makes the body of PUT /v2/apps/ID of it. */
export interface AppWish {
  readonly instances: number;
  readonly behaviour: Behaviour;
  /** Another number makes another configuration. */
  readonly release: number;
  readonly runtime: 'process' | 'docker';
  readonly ports: 0 | 1 | 2;
  /** The first port is this host port on every agent; 0: any. */
  readonly hostPort: number;
  readonly health: 'none' | 'http' | 'tcp' | 'command';
  readonly readiness: boolean;
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  readonly cpus: number;
  readonly mem: number;
  readonly constraint: 'none' | 'unique' | 'max-per-2' | 'group-by-zone';
  readonly progressDeadlineSeconds: number;
  readonly minReadySeconds: number;
  readonly drainSeconds: number;
  readonly killGraceSeconds: number;
  readonly maxLaunchDelaySeconds: number;
}

export interface AgentSize {
  readonly cpus: number;
  readonly mem: number;
  readonly ports: number;
  readonly zone: string;
}

/** A party as partitions see it. */
export type Party =
  | { readonly kind: 'agent'; readonly index: number }
  | { readonly kind: 'control-plane'; readonly index: number }
  | { readonly kind: 'proxy'; readonly index: number }
  | { readonly kind: 'store' };

/** Writes that a crash point can wait for: those that not every other commit has. */
export const CRASH_WRITES = [
  'put-app',
  'remove-app',
  'put-group',
  'remove-group',
  'put-deployment',
  'remove-instance',
  'put-agent',
  'put-proxy',
  'set-table-number',
] as const satisfies readonly Write['kind'][];
export type CrashWrite = (typeof CRASH_WRITES)[number];

/** Indexes are taken modulo what there is. Times and durations: ms. */
export type Deed =
  // ---- what people ask; `force` as in the API
  | { readonly do: 'deploy'; readonly app: string; readonly wish: AppWish; readonly force: boolean }
  | { readonly do: 'scale'; readonly app: string; readonly instances: number; readonly force: boolean }
  | { readonly do: 'restart'; readonly app: string; readonly force: boolean }
  | { readonly do: 'remove'; readonly app: string; readonly force: boolean }
  | { readonly do: 'remove-group'; readonly group: string; readonly force: boolean } // all apps in it, in one deployment
  | { readonly do: 'roll-back'; readonly app: string }
  | { readonly do: 'cancel'; readonly app: string }
  | { readonly do: 'kill'; readonly app: string; readonly index: number; readonly scale: boolean }
  | {
      /** `PUT /v3/apps/ID/traffic`, and once the time is over `DELETE`, again and again until it is done. */
      readonly do: 'share-traffic';
      readonly app: string;
      /** Weights, 0 to 1000; null: not named. At least one is not 0. */
      readonly current: number;
      readonly previous: number | null;
      /** Some requests ask for this version whatever the weights say. */
      readonly pin: 'none' | 'current' | 'previous';
      readonly forMs: number;
    }
  // ---- what goes wrong with tasks
  | { readonly do: 'crash-task'; readonly index: number; readonly siblings?: number } // and so many others of its app with it
  | { readonly do: 'sicken'; readonly index: number; readonly forMs: number } // answers 500
  | { readonly do: 'hang'; readonly index: number; readonly forMs: number } // answers nothing
  | { readonly do: 'blind-checks'; readonly agent: number; readonly all?: boolean; readonly forMs: number } // its checker lies, or those of all agents
  // ---- with hosts and agents
  | {
      readonly do: 'engine';
      readonly agent: number;
      readonly fault: 'errors' | 'slow';
      readonly forMs: number;
    }
  | { readonly do: 'restart-agent'; readonly agent: number; readonly downMs: number }
  | { readonly do: 'power-off'; readonly agent: number; readonly downMs: number }
  | { readonly do: 'freeze-agent'; readonly agent: number; readonly forMs: number }
  | { readonly do: 'fill-disk'; readonly agent: number; readonly forMs: number }
  | { readonly do: 'take-port'; readonly agent: number; readonly index: number; readonly forMs: number } // something else listens
  // ---- with the network
  | {
      readonly do: 'cut';
      readonly from: Party;
      readonly to: Party;
      readonly bothWays: boolean;
      readonly forMs: number;
    }
  | {
      readonly do: 'weather';
      readonly from: Party;
      readonly to: Party;
      readonly extraMs: number;
      readonly doubled: number;
      readonly spreadMs: number;
      readonly forMs: number;
    }
  /** What any agent says reaches control planes in bursts: for the first `stallMs` of each `everyMs` nothing does. */
  | { readonly do: 'stalls'; readonly everyMs: number; readonly stallMs: number; readonly forMs: number }
  // ---- with control planes and the store
  | {
      readonly do: 'crash-control-plane';
      /** Which one: the one that leads at that time, or the other. */
      readonly which: 'leader' | 'standby';
      /** `now`, or at its n-th commit from then on: before it reaches the store, or after it took effect and before the answer. */
      readonly when: 'now' | 'before-commit' | 'after-commit';
      readonly nth: number;
      /** Only commits with such a write count; absent: all do. */
      readonly write?: CrashWrite;
      /** When that commit has not come by then it does not happen; absent: it waits for ever. Nothing for `now`. */
      readonly withinMs?: number;
      readonly downMs: number;
    }
  | { readonly do: 'freeze-control-plane'; readonly which: 'leader' | 'standby'; readonly forMs: number }
  | { readonly do: 'abdicate' }
  | { readonly do: 'store-refuses'; readonly forMs: number }
  | { readonly do: 'store-fails-over'; readonly downMs: number; readonly clockStepMs: number }
  | { readonly do: 'lose-answers'; readonly count: number } // commits take effect, the answers are lost
  // ---- with proxies
  | { readonly do: 'freeze-proxy'; readonly proxy: number; readonly forMs: number }
  | { readonly do: 'crash-proxy'; readonly proxy: number; readonly downMs: number };

export type Action = Deed & { readonly at: number };

export interface Scenario {
  /** Also seeds all that the actions leave open: delays, order, what tasks do. */
  readonly seed: string;
  readonly durationMs: number;
  /** From here on nothing goes wrong any more and nobody asks for anything; by the end all must be as wanted. */
  readonly quietFromMs: number;
  readonly agents: readonly AgentSize[];
  readonly controlPlanes: number;
  readonly proxies: number;
  /** How far the clocks of processes may be off: ms, and share of speed. */
  readonly clockOffsetMs: number;
  readonly clockDrift: number;
  /** Instances of one app that a pass creates or launches at most (ReconcileSettings); absent: as in the product. */
  readonly changedPerPass?: number;
  readonly actions: readonly Action[];
}

/** When it is over, ms from the start of the run; what is no fault, or one without a length, is over at once. */
export function endOf(action: Action): number {
  const waitMs = 'withinMs' in action ? (action.withinMs ?? 0) : 0;
  if ('forMs' in action) return action.at + action.forMs;
  return 'downMs' in action ? action.at + waitMs + action.downMs : action.at;
}
