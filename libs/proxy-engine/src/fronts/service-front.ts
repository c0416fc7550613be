// What happens to a connection on a service port: a PROXY header comes first where its service wants one, then HTTP and TCP share the
// port; the service's mode or the first bytes tell them apart (ADR 4).
import type { Socket } from 'node:net';
import type { RouteService } from '#libs/routing';
import type { Clock } from '#libs/time';
import { mayAsk } from '../admission/addresses.js';
import type { Observer } from '../observe/observer.js';
import { tellTunnel } from '../observe/tunnel-record.js';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { DialParts } from '../tcp/dial.js';
import { sniff } from '../tcp/sniff.js';
import { takeProxyHeader } from '../tcp/take-proxy-header.js';
import { relayTcp } from '../tcp/tcp-connection.js';
import type { Departures } from '../drain/departures.js';
import { originOf, type Origin } from './origin.js';

export interface ServiceFrontParts extends DialParts {
  readonly departures: Departures;
  readonly observer: Observer;
  readonly routes: LiveRoutes;
  readonly clock: Clock;
  readonly freshen: () => Promise<void> | undefined;
  /** The connection is HTTP. */
  readonly toHttp: (client: Socket, origin: Origin) => void;
  /** Counts the connection for this client address; false: that has too many. */
  readonly mayConnect: (client: Socket, clientAddress: string) => boolean;
  /** A connection was closed, for the PROXY header that this service port asks for was not there or not right. */
  readonly onWrongHeader: (servicePort: number) => void;
}

interface Known {
  readonly service: RouteService;
  readonly origin: Origin;
}

/** Never throws: an unexpected error costs this connection. */
export function acceptService(parts: ServiceFrontParts, socket: Socket, servicePort: number): void {
  accept(parts, socket, servicePort).catch(() => socket.destroy());
}

async function accept(parts: ServiceFrontParts, socket: Socket, servicePort: number): Promise<void> {
  const startedAt = performance.now();
  const drop = (): void => void socket.destroy();
  socket.on('error', drop);
  const wait = parts.freshen();
  if (wait) await wait;
  const known = await identify(parts, socket, servicePort);
  if (!known || socket.destroyed) {
    socket.destroy();
    return;
  }
  const { service, origin } = known;
  const toHttp = (client: Socket): void => {
    client.off('error', drop);
    parts.toHttp(client, origin);
  };
  // what targets that speak HTTP/2 get from us is HTTP, whatever the client's first bytes are
  if (service.mode === 'http' || (service.mode === 'auto' && service.policy?.protocol === 'h2c'))
    return toHttp(socket);
  const seen = service.mode === 'tcp' ? 'tcp' : await sniff(socket, parts.clock);
  if (seen === 'http') toHttp(socket);
  // HTTP gets an answer that says so
  else if (!mayAsk(service, origin.clientAddress)) {
    socket.destroy();
    tellTunnel(
      parts.observer,
      { service, origin, startedAt },
      { asked: 0, status: 0, closedBy: 'forbidden' },
    );
  } else if (seen === 'tcp') await relayTcp(parts, { client: socket, service, origin, startedAt });
  else if (seen === 'silent')
    await relayTcp(parts, { client: socket, service, origin, startedAt, redirectHttp: toHttp });
}

/** Which service, and who asks. Undefined: not to be served. */
async function identify(
  { routes, clock, mayConnect, observer, onWrongHeader }: ServiceFrontParts,
  socket: Socket,
  servicePort: number,
): Promise<Known | undefined> {
  let service = routes.matcher.byServicePort(servicePort);
  if (!service) return undefined;
  let origin = originOf(socket, { servicePort });
  if (service.policy?.proxyProtocol?.accept) {
    const taken = await takeProxyHeader(socket, clock);
    if (taken.kind === 'wrong') {
      onWrongHeader(servicePort);
      observer.headerRefused?.(service, taken.fault);
    }
    if (taken.kind !== 'taken') return undefined;
    if (taken.endpoints) origin = originOf(socket, { servicePort, endpoints: taken.endpoints });
    // the table may have changed meanwhile
    service = routes.matcher.byServicePort(servicePort);
  }
  return service && mayConnect(socket, origin.clientAddress) ? { service, origin } : undefined;
}
