// Opens a connection of its own to one of a service's targets (TCP, WebSocket): up to three are tried, each claimed while it is
// tried; one that does not accept is left out for a while.
import { connect, type Socket } from 'node:net';
import type { TaskId } from '#libs/model';
import type { RouteService, RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { Pick } from '../targets/pick.js';
import type { TargetWish } from '../targets/wish.js';

const TARGETS_MAX = 3;
/** Finds peers that vanished without a word. */
const PROBE_AFTER_MS = 60_000;

export interface Dialled {
  readonly upstream: Socket;
  readonly target: RouteTarget;
  readonly release: () => void;
}
export interface DialParts {
  readonly routes: LiveRoutes;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
}

/** Undefined: no target, or none accepted. */
export async function dial(
  { routes, clock, connectTimeoutMs }: DialParts,
  service: RouteService,
  wish: Omit<TargetWish, 'tried'> = {},
): Promise<Dialled | undefined> {
  const tried = new Set<TaskId>();
  while (tried.size < TARGETS_MAX) {
    const pick = await place(routes, service, { ...wish, tried });
    if (!pick) return undefined;
    tried.add(pick.target.taskId);
    const upstream = await open(pick.target, clock, connectTimeoutMs);
    if (upstream) {
      routes.claims.accepted(pick.target);
      return { upstream, target: pick.target, release: () => pick.release() };
    }
    pick.release('refused');
  }
  return undefined;
}

/** Waits where a limit makes it wait. */
function place(routes: LiveRoutes, service: RouteService, wish: TargetWish): Promise<Pick | undefined> {
  return new Promise((resolve) => {
    routes.place(service, wish, (placed) => resolve(placed.kind === 'placed' ? placed.pick : undefined));
  });
}

function open(target: RouteTarget, clock: Clock, timeoutMs: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    const timer = clock.after(timeoutMs, () => socket.destroy());
    const failed = (): void => {
      timer.cancel();
      resolve(undefined);
    };
    // stays: an error without a listener would end the process; whoever relays the connection adds its own
    socket.on('error', () => socket.destroy());
    socket.once('close', failed);
    socket.once('connect', () => {
      timer.cancel();
      socket.off('close', failed);
      socket.setKeepAlive(true, PROBE_AFTER_MS);
      resolve(socket);
    });
  });
}
