// Opens a connection of its own to one of a service's targets (TCP, WebSocket): some are tried, each claimed while it is
// tried; one that does not accept is left out for a while.
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TaskId } from '#libs/model';
import type { RouteService, RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { Pick } from '../targets/pick.js';
import { Turns } from '../targets/turns.js';
import type { TargetWish } from '../targets/wish.js';
import { onGone } from './on-gone.js';
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
/** No target, none accepted, or the client has gone. */
export interface NotDialled {
  readonly upstream?: undefined;
  readonly target?: undefined;
  readonly release?: undefined;
  readonly asked: number;
  /** The client has. */
  readonly left: boolean;
}
export interface DialAsk {
  /**
   * For whom. It leaves the queue when its connection closes or ends; not later, for in TCP a client may end first and still listen: one that
   * has said nothing by then and waits for a place has given up.
   */
  readonly client: Duplex;
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
  { client, wish, endpoints }: DialAsk,
): Promise<Dialled | NotDialled> {
  const tried = new Set<TaskId>();
  const turns = new Turns();
  while (!turns.areOver()) {
    const pick = await place(client, routes, service, { ...wish, tried });
    if (pick === LEFT) return { asked: tried.size, left: true };
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
  return { asked: tried.size, left: client.destroyed };
}

/** The client has gone while it waited. */
const LEFT = 'left';

/** Waits where a limit makes it wait, for as long as the client does. */
function place(
  client: Duplex,
  routes: LiveRoutes,
  service: RouteService,
  wish: TargetWish,
): Promise<Pick | typeof LEFT | undefined> {
  return new Promise((resolve) => {
    let stay = (): void => undefined;
    const cancel = routes.place(service, wish, (placed) => {
      stay();
      resolve(placed.kind === 'placed' ? placed.pick : undefined);
    });
    if (!cancel) return;
    stay = onGone(client, () => {
      cancel();
      resolve(LEFT);
    });
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
