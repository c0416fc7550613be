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
import type { TargetClaims } from './target-claims.js';
import type { TargetWish } from './wish.js';

export interface Pick {
  readonly target: RouteTarget;
  /** Ends the claim; once. */
  readonly release: () => void;
}

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

  constructor(claims: TargetClaims) {
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

  /** Undefined: the service has left the table, has no target, or all of them have been tried. */
  pick(service: RouteService, { tried, sticky }: TargetWish): Pick | undefined {
    const targets = this.#matcher.counterpartOf(service)?.targets ?? [];
    const target =
      this.#preferred(targets, tried, sticky) ??
      pickTarget({ targets, tried, load: this.claims, turn: (this.#turn += 1) });
    return target && { target, release: this.claims.claim(target) };
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
