// Connections to targets that are kept between requests. The rules are those of the full path's agent (decisions.md 13): the one used last
// is used first, idle ones live at most 4 s or what the target says, at most 256 per target; and those of a target that has left the
// table are closed in the same turn.
import type { RouteMatcher, RouteService, RouteTarget } from '#libs/routing';
import { UpstreamConnection, type UpstreamParts } from './upstream-connection.js';

/** Per target; more would only be a burst's leftover. */
const IDLE_MAX = 256;

/** There as long as a connection to its target is. */
export class TargetPool {
  readonly host: string;
  readonly port: number;
  readonly #pools: UpstreamPools;
  readonly #target: RouteTarget;
  readonly #service: RouteService;
  readonly #idle: UpstreamConnection[] = [];
  #open = 0;
  #gone = false;

  constructor(pools: UpstreamPools, service: RouteService, target: RouteTarget) {
    this.#pools = pools;
    this.#service = service;
    this.#target = target;
    this.host = target.host;
    this.port = target.port;
  }

  /** Its target has left the table. */
  get gone(): boolean {
    return this.#gone;
  }

  isFor(target: RouteTarget): boolean {
    return target.port === this.port && target.host === this.host;
  }

  /** The idle one that was used last. */
  take(): UpstreamConnection | undefined {
    const connection = this.#idle.pop();
    if (connection) connection.reused = true;
    return connection;
  }

  /** A fresh one; it says `connected` later. */
  open(parts: UpstreamParts, connectMs: number): UpstreamConnection {
    this.#open += 1;
    return new UpstreamConnection(this, parts, connectMs);
  }

  keep(connection: UpstreamConnection): void {
    if (this.#gone || this.#idle.length >= IDLE_MAX || connection.socket.destroyed) connection.destroy();
    else this.#idle.push(connection);
  }

  /** It is closed. */
  forget(connection: UpstreamConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#open -= 1;
    if (this.#open === 0) this.#pools.drop(this.#target.taskId, this);
  }

  isRouted(matcher: RouteMatcher): boolean {
    const targets = matcher.counterpartOf(this.#service)?.targets ?? [];
    return targets.some((each) => each.taskId === this.#target.taskId && this.isFor(each));
  }

  /** Idle ones are closed now, those in use after their exchange. */
  leave(): void {
    this.#gone = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }
}

export class UpstreamPools {
  /** By task; a task with several ports has several. */
  readonly #pools = new Map<string, TargetPool[]>();

  of(service: RouteService, target: RouteTarget): TargetPool {
    const pools = this.#pools.get(target.taskId);
    if (pools) {
      for (const pool of pools) if (pool.isFor(target)) return pool;
    }
    const pool = new TargetPool(this, service, target);
    if (pools) pools.push(pool);
    else this.#pools.set(target.taskId, [pool]);
    return pool;
  }

  /** A new table: pools of targets that are not in it leave. */
  keepRouted(matcher: RouteMatcher): void {
    for (const [task, pools] of this.#pools) {
      for (const pool of [...pools]) {
        if (pool.isRouted(matcher)) continue;
        pool.leave();
        this.drop(task, pool);
      }
    }
  }

  drop(task: string, pool: TargetPool): void {
    const pools = this.#pools.get(task);
    const at = pools?.indexOf(pool) ?? -1;
    if (!pools || at < 0) return;
    pools.splice(at, 1);
    if (pools.length === 0) this.#pools.delete(task);
  }

  /** Also what is in use goes after its exchange. */
  leaveAll(): void {
    for (const pools of this.#pools.values()) for (const pool of pools) pool.leave();
    this.#pools.clear();
  }
}
