// What happens to a connection on a service port: HTTP and TCP share it, the service's mode or the first bytes tell them apart (ADR 4).
import type { Socket } from 'node:net';
import type { Clock } from '#libs/time';
import { mayAsk } from '../admission/addresses.js';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { DialParts } from '../tcp/dial.js';
import { sniff } from '../tcp/sniff.js';
import { relayTcp } from '../tcp/tcp-connection.js';
import type { Departures } from '../drain/departures.js';
import { originOf, type Origin } from './origin.js';

export interface ServiceFrontParts extends DialParts {
  readonly departures: Departures;
  readonly routes: LiveRoutes;
  readonly clock: Clock;
  readonly freshen: () => Promise<void> | undefined;
  /** The connection is HTTP. */
  readonly toHttp: (client: Socket, origin: Origin) => void;
}

/** Never throws: an unexpected error costs this connection. */
export function acceptService(parts: ServiceFrontParts, socket: Socket, servicePort: number): void {
  accept(parts, socket, servicePort).catch(() => socket.destroy());
}

async function accept(parts: ServiceFrontParts, socket: Socket, servicePort: number): Promise<void> {
  const drop = (): void => void socket.destroy();
  socket.on('error', drop);
  const wait = parts.freshen();
  if (wait) await wait;
  const service = parts.routes.matcher.byServicePort(servicePort);
  if (!service || socket.destroyed) {
    socket.destroy();
    return;
  }
  const toHttp = (client: Socket): void => {
    client.off('error', drop);
    parts.toHttp(client, originOf(client, { servicePort }));
  };
  // what targets that speak HTTP/2 get from us is HTTP, whatever the client's first bytes are
  if (service.mode === 'http' || (service.mode === 'auto' && service.policy?.protocol === 'h2c'))
    return toHttp(socket);
  const seen = service.mode === 'tcp' ? 'tcp' : await sniff(socket, parts.clock);
  if (seen === 'http') toHttp(socket);
  // HTTP gets an answer that says so
  else if (!mayAsk(service, originOf(socket, { servicePort }).clientAddress)) socket.destroy();
  else if (seen === 'tcp') await relayTcp(parts, socket, service);
  else if (seen === 'silent') await relayTcp(parts, socket, service, toHttp);
}
