// A TCP connection on a service port: dial a target and relay. With `redirectHttp` the client has not spoken yet (auto mode, the
// wait is over): a server that speaks first is relayed at once, but when the client turns out to speak HTTP before the server said
// anything (browsers open connections in advance), the connection goes to the HTTP side after all.
import type { Socket } from 'node:net';
import type { RouteService } from '#libs/routing';
import { clientKeyOf } from '../admission/addresses.js';
import type { Departures } from '../drain/departures.js';
import type { Origin } from '../fronts/origin.js';
import { dial, PROBE_AFTER_MS, type Dialled, type DialParts } from './dial.js';
import { looksLikeHttp } from './sniff.js';
import { relay } from './relay.js';

const LAST_WORDS_MS = 1_000;

export interface TcpAsk {
  readonly client: Socket;
  readonly service: RouteService;
  readonly origin: Origin;
  readonly redirectHttp?: (client: Socket) => void;
}
type TcpParts = DialParts & { readonly departures: Departures };

export async function relayTcp(
  parts: TcpParts,
  { client, service, origin, redirectHttp }: TcpAsk,
): Promise<void> {
  const gone = (): void => void client.destroy();
  client.on('error', gone);
  client.setKeepAlive(true, PROBE_AFTER_MS);
  // of the ways to balance by a key this is the only one that needs no request
  const bySource = service.policy?.balance?.by === 'source';
  const wish = bySource ? { hashKey: clientKeyOf(origin.clientAddress) } : {};
  const dialled = await dial(parts, service, { wish, endpoints: origin.endpoints });
  if (!dialled) {
    client.destroy();
    return;
  }
  const release = limit(parts, client, service, dialled);
  const { upstream } = dialled;
  if (client.destroyed) {
    upstream.destroy();
    release();
    return;
  }
  if (!redirectHttp) {
    relay(client, upstream, release);
    return;
  }
  const leave = (): void => {
    client.off('readable', onClient);
    client.off('close', onGone);
    upstream.off('readable', onUpstream);
    upstream.off('close', onUpstream);
  };
  const onGone = (): void => {
    leave();
    upstream.destroy();
    release();
  };
  const onUpstream = (): void => {
    leave();
    relay(client, upstream, release);
  };
  const onClient = (): void => {
    const first: unknown = client.read();
    if (Buffer.isBuffer(first)) client.unshift(first);
    leave();
    if (!Buffer.isBuffer(first) || looksLikeHttp(first) === 'no') {
      relay(client, upstream, release);
      return;
    }
    client.off('error', gone);
    upstream.destroy();
    release();
    redirectHttp(client);
  };
  client.on('readable', onClient);
  client.once('close', onGone);
  upstream.on('readable', onUpstream);
  upstream.once('close', onUpstream);
}

/** Ends the connection when its target's drain time is over, or after the silence that its service allows. Returns what releases it. */
function limit(
  { departures, clock }: TcpParts,
  client: Socket,
  service: RouteService,
  { upstream, target, release }: Dialled,
): () => void {
  // a protocol that is not known here has no other word for "go away" than the end of the connection
  const end = (): void => {
    client.end();
    upstream.end();
    // who has not ended its side by then is cut
    clock.after(LAST_WORDS_MS, () => {
      client.destroy();
      upstream.destroy();
    });
  };
  const forget = departures.watch(target, end);
  const tunnelMs = service.policy?.timeouts?.tunnelMs;
  // whatever goes either way passes this socket
  if (tunnelMs !== undefined) upstream.setTimeout(tunnelMs, end);
  return () => {
    upstream.setTimeout(0);
    forget();
    release();
  };
}
