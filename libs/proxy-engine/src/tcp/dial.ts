// Opens a connection of its own to one of a service's targets (TCP, WebSocket): some are tried, each claimed while it is
// tried; one that does not accept is left out for a while.
import { connect, type Socket } from 'node:net';
import type { TaskId } from '#libs/model';
import type { RouteService, RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { Pick } from '../targets/pick.js';
import { Turns } from '../targets/turns.js';
import type { TargetWish } from '../targets/wish.js';
import { writeProxyHeader, type Endpoints } from './proxy-header.js';
import { isShortage } from './shortage.js';

/** Finds peers that vanished without a word. */
export const PROBE_AFTER_MS = 60_000;

export interface Dialled {
  readonly upstream: Socket;
  readonly target: RouteTarget;
  readonly release: () => void;
  /** Targets that were asked, this one included. */
  readonly asked: number;
}
/** No target, or none accepted. */
export interface NotDialled {
  readonly upstream?: undefined;
  readonly asked: number;
}
export interface DialAsk {
  readonly wish?: Omit<TargetWish, 'tried'>;
  /** Of the client, for services whose targets want a PROXY header. */
  readonly endpoints?: Endpoints | undefined;
}
export interface DialParts {
  readonly routes: LiveRoutes;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
}

export async function dial(
  { routes, clock, connectTimeoutMs }: DialParts,
  service: RouteService,
  { wish, endpoints }: DialAsk,
): Promise<Dialled | NotDialled> {
  const tried = new Set<TaskId>();
  const turns = new Turns();
  while (!turns.areOver()) {
    const pick = await place(routes, service, { ...wish, tried });
    if (!pick) break;
    turns.take();
    tried.add(pick.target.taskId);
    const policy = (routes.matcher.counterpartOf(service) ?? service).policy;
    const opened = await open(pick.target, clock, policy?.timeouts?.connectMs ?? connectTimeoutMs);
    if (opened.kind === 'open') {
      const { upstream } = opened;
      routes.claims.accepted(pick.target);
      const send = policy?.proxyProtocol?.send;
      if (send) upstream.write(writeProxyHeader(send, endpoints));
      return { upstream, target: pick.target, release: () => pick.release(), asked: tried.size };
    }
    turns.noteRefusal(opened.problem);
    pick.release(opened.kind);
  }
  return { asked: tried.size };
}

/** Waits where a limit makes it wait. */
function place(routes: LiveRoutes, service: RouteService, wish: TargetWish): Promise<Pick | undefined> {
  return new Promise((resolve) => {
    routes.place(service, wish, (placed) => resolve(placed.kind === 'placed' ? placed.pick : undefined));
  });
}

type Opened =
  | { readonly kind: 'open'; readonly upstream: Socket }
  | { readonly kind: 'refused' | undefined; readonly problem: Error | undefined };

/** Not `refused`: this process could not even ask. */
function open(target: RouteTarget, clock: Clock, timeoutMs: number): Promise<Opened> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    const timer = clock.after(timeoutMs, () => socket.destroy());
    let problem: Error | undefined;
    const failed = (): void => {
      timer.cancel();
      resolve({ kind: isShortage(problem) ? undefined : 'refused', problem });
    };
    // stays: an error without a listener would end the process; whoever relays the connection adds its own
    socket.on('error', (error) => {
      problem = error;
      socket.destroy();
    });
    socket.once('close', failed);
    socket.once('connect', () => {
      timer.cancel();
      socket.off('close', failed);
      socket.setKeepAlive(true, PROBE_AFTER_MS);
      resolve({ kind: 'open', upstream: socket });
    });
  });
}
