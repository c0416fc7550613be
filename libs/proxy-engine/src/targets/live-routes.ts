// The table in use and the choice of a target from it. Every choice, also that of a retry, is made from the table of this very
// moment and claimed in the same turn: after a swap nothing can pick a target that left.
import type { TaskId } from '#libs/model';
import {
  match,
  pickTarget,
  type RouteMatcher,
  type RouteService,
  type RouteTable,
  type RouteTarget,
} from '#libs/routing';
import { stickyKeyOf } from '../admission/sticky-cookie.js';
import type { Cancel, NoTarget, Outcome, Pick, Placed } from './pick.js';
import type { TargetClaims } from './target-claims.js';
import type { TargetWish } from './wish.js';

export interface LiveRoutesOptions {
  /** 0 <= x < 1. Default Math.random; the simulation gives its own. */
  readonly random?: () => number;
  /** Where this process runs, for services that prefer targets of their own zone. */
  readonly zone?: string;
}

const NOBODY: ReadonlySet<TaskId> = new Set();
const RETRY_AFTER_S = 5;

export class LiveRoutes {
  readonly claims: TargetClaims;
  #matcher: RouteMatcher = match({
    cluster: '',
    epoch: 0,
    number: 0,
    madeAt: '' as RouteTable['madeAt'],
    services: [],
  });
  #turn = 0;

  constructor(claims: TargetClaims, _options: LiveRoutesOptions = {}) {
    this.claims = claims;
  }

  get matcher(): RouteMatcher {
    return this.#matcher;
  }

  swap(table: RouteTable): void {
    this.#matcher = match(table);
    this.claims.keepOnly(
      new Set(table.services.flatMap(({ targets }) => targets.map(({ taskId }) => taskId))),
    );
  }

  /**
   * Undefined: there is none now; `place` says why, or waits where waiting is worth while. Never waits itself.
   * `service` may be of an older table: the same port of the same app in the table of this moment is meant.
   */
  pick(service: RouteService, { tried = NOBODY, sticky }: TargetWish): Pick | undefined {
    const targets = this.#matcher.counterpartOf(service)?.targets ?? [];
    const target =
      this.#preferred(targets, tried, sticky) ??
      pickTarget({ targets, tried, load: this.claims, turn: (this.#turn += 1) });
    return target && this.#claim(target);
  }

  /**
   * Calls `ready` once: in the same turn when a target is free or none can be (then it returns undefined); later when all targets have as
   * many requests as the service's limits allow: first come, first served, bounded in number and time. `ready` must not throw.
   */
  place(service: RouteService, wish: TargetWish, ready: (placed: Placed) => void): Cancel | undefined {
    const pick = this.pick(service, wish);
    ready(pick ? { kind: 'placed', pick } : { kind: 'none', why: this.explain(service, wish) });
    return undefined;
  }

  /** Why `pick` found none for this wish. */
  explain(service: RouteService, { tried = NOBODY }: TargetWish): NoTarget {
    const now = this.#matcher.counterpartOf(service);
    const app = `app ${service.appId}`;
    if (!now) return { kind: 'removed', message: `${app} is being removed`, retryAfterS: RETRY_AFTER_S };
    if (now.targets.length === 0)
      return {
        kind: 'starting',
        message: `${app} cannot answer now: ${now.emptyReason}`,
        retryAfterS: RETRY_AFTER_S,
      };
    return {
      kind: 'all-tried',
      message: `${app} cannot answer now: ${tried.size} of its ${now.targets.length} instances were tried, none accepted a connection`,
      retryAfterS: RETRY_AFTER_S,
    };
  }

  /**
   * Whether a request may be sent again that a target may have seen; counts it when so. At most `retries.budgetPercent` of the service's
   * requests of the last 10 s, above a floor of 10. A request that no target has seen (refused) goes on without asking.
   */
  mayRetry(_service: RouteService): boolean {
    return true;
  }

  #claim(target: RouteTarget): Pick {
    const close = this.claims.claim(target);
    return {
      target,
      release: (outcome?: Outcome) => {
        if (outcome === 'refused') this.claims.refused(target);
        else if (outcome === 'ok') this.claims.accepted(target);
        close();
      },
    };
  }

  #preferred(
    targets: readonly RouteTarget[],
    tried: ReadonlySet<TaskId>,
    sticky: string | undefined,
  ): RouteTarget | undefined {
    if (sticky === undefined) return undefined;
    return targets.find(
      (each) =>
        stickyKeyOf(each) === sticky &&
        !tried.has(each.taskId) &&
        !each.suspect &&
        !this.claims.isEjected(each),
    );
  }
}
