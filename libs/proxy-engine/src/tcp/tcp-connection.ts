// A TCP connection on a service port: dial a target and relay. With `redirectHttp` the client has not spoken yet (auto mode, the
// wait is over): a server that speaks first is relayed at once, but when the client turns out to speak HTTP before the server said
// anything (browsers open connections in advance), the connection goes to the HTTP side after all.
import type { Socket } from 'node:net';
import type { RouteService } from '#libs/routing';
import { clientKeyOf } from '../admission/addresses.js';
import type { Departures } from '../drain/departures.js';
import { dial, type DialParts } from './dial.js';
import { looksLikeHttp } from './sniff.js';
import { relay } from './relay.js';

const LAST_WORDS_MS = 1_000;

export async function relayTcp(
  parts: DialParts & { readonly departures: Departures },
  client: Socket,
  service: RouteService,
  redirectHttp?: (client: Socket) => void,
): Promise<void> {
  const gone = (): void => void client.destroy();
  client.on('error', gone);
  // of the ways to balance by a key this is the only one that needs no request
  const bySource = service.policy?.balance?.by === 'source';
  const dialled = await dial(
    parts,
    service,
    bySource ? { hashKey: clientKeyOf(client.remoteAddress ?? 'unknown') } : {},
  );
  if (!dialled) {
    client.destroy();
    return;
  }
  const { upstream, target } = dialled;
  // a protocol that is not known here has no other word for "go away" than the end of the connection
  const forget = parts.departures.watch(target, () => {
    client.end();
    upstream.end();
    // who has not ended its side by then is cut
    parts.clock.after(LAST_WORDS_MS, () => {
      client.destroy();
      upstream.destroy();
    });
  });
  const release = (): void => {
    forget();
    dialled.release();
  };
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
