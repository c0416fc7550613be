// A TCP connection on a service port: dial a target and relay. With `redirectHttp` the client has not spoken yet (auto mode, the
// wait is over): a server that speaks first is relayed at once, but when the client turns out to speak HTTP before the server said
// anything (browsers open connections in advance), the connection goes to the HTTP side after all.
import type { Socket } from 'node:net';
import type { RouteService } from '#libs/routing';
import { clientKeyOf } from '../admission/addresses.js';
import type { Departures } from '../drain/departures.js';
import type { Origin } from '../fronts/origin.js';
import type { Observer } from '../observe/observer.js';
import { meterOf, tellTunnel } from '../observe/tunnel-record.js';
import { dial, type Dialled, type DialParts } from './dial.js';
import { looksLikeHttp } from './sniff.js';
import { relay, type Side } from './relay.js';

const LAST_WORDS_MS = 1_000;

export interface TcpAsk {
  readonly client: Socket;
  readonly service: RouteService;
  readonly origin: Origin;
  /** Of `performance`, when the client came. */
  readonly startedAt: number;
  readonly redirectHttp?: (client: Socket) => void;
}
type TcpParts = DialParts & { readonly departures: Departures; readonly observer: Observer };

export async function relayTcp(
  parts: TcpParts,
  { client, service, origin, startedAt, redirectHttp }: TcpAsk,
): Promise<void> {
  const gone = (): void => void client.destroy();
  client.on('error', gone);
  // of the ways to balance by a key this is the only one that needs no request
  const bySource = service.policy?.balance?.by === 'source';
  const wish = bySource ? { hashKey: clientKeyOf(origin.clientAddress) } : {};
  const dialled = await dial(parts, service, { client, wish, endpoints: origin.endpoints });
  const { asked } = dialled;
  const start = { service, origin, startedAt };
  if (!dialled.upstream) {
    const closedBy = dialled.left ? 'client' : 'no-target';
    client.destroy();
    return tellTunnel(parts.observer, start, { asked, status: 0, closedBy });
  }
  const { target, upstream } = dialled;
  const meter = meterOf(upstream);
  const { release, why } = limit(parts, client, service, dialled);
  const over = (first: Side): void => {
    release();
    tellTunnel(parts.observer, start, { target, asked, status: 0, ...meter(), closedBy: why() ?? first });
  };
  if (client.destroyed) {
    upstream.destroy();
    return over('client');
  }
  // its end is told no more to those who wait for it
  if (!redirectHttp || client.readableEnded) return relay(client, upstream, over);
  const leave = (): void => {
    client.off('readable', onClient);
    client.off('close', onGone);
    upstream.off('readable', onUpstream);
    upstream.off('close', onUpstream);
  };
  const onGone = (): void => {
    leave();
    upstream.destroy();
    over('client');
  };
  const onUpstream = (): void => {
    leave();
    relay(client, upstream, over);
  };
  const onClient = (): void => {
    const first: unknown = client.read();
    if (Buffer.isBuffer(first)) client.unshift(first);
    leave();
    if (!Buffer.isBuffer(first) || looksLikeHttp(first) === 'no') {
      relay(client, upstream, over);
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

interface Limited {
  readonly release: () => void;
  /** Undefined: not ended by us. */
  readonly why: () => 'drain' | 'silence' | undefined;
}

/** Ends the connection when its target's drain time is over, or after the silence that its service allows. */
function limit(
  { departures, clock }: TcpParts,
  client: Socket,
  service: RouteService,
  { upstream, target, release }: Dialled,
): Limited {
  let why: 'drain' | 'silence' | undefined;
  // a protocol that is not known here has no other word for "go away" than the end of the connection
  const end = (because: 'drain' | 'silence'): void => {
    why ??= because;
    client.end();
    upstream.end();
    // who has not ended its side by then is cut
    clock.after(LAST_WORDS_MS, () => {
      client.destroy();
      upstream.destroy();
    });
  };
  const forget = departures.watch(target, () => end('drain'));
  const tunnelMs = service.policy?.timeouts?.tunnelMs;
  // whatever goes either way passes this socket
  if (tunnelMs !== undefined) upstream.setTimeout(tunnelMs, () => end('silence'));
  return {
    why: () => why,
    release: () => {
      upstream.setTimeout(0);
      forget();
      release();
    },
  };
}
