// Joins the two connections of a WebSocket until both are closed. When the target leaves and its drain time is over, both sides get a
// close frame 1001 (going away) at the next border of a frame, a moment to answer it, and then the end of the connection.
import type { Duplex } from 'node:stream';
import type { Clock } from '#libs/time';
import { firstOf, type Side } from '../tcp/relay.js';
import { FrameBorder } from './frame-border.js';

/** For the answers to our close frames. */
const CLOSING_MS = 1_000;

/** `onClosed` is called once, when both are closed. Returns what ends it in order. */
export function relayWebSocket(
  { client, upstream, clock }: { client: Duplex; upstream: Duplex; clock: Clock },
  onClosed: (first: Side) => void,
): () => void {
  let open = 2;
  const first = firstOf(client, upstream);
  const closed = (one: Duplex, other: Duplex) => (): void => {
    open -= 1;
    if (open === 0) return onClosed(first());
    // what it said last may still be on its way; a break must not leave the other side waiting
    if (one.readableEnded && !other.writableFinished) {
      other.once('finish', () => other.destroy());
      clock.after(CLOSING_MS, () => other.destroy());
    } else other.destroy();
  };
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    if (one.closed) process.nextTick(closed(one, other));
    else one.once('close', closed(one, other));
    one.on('error', () => other.destroy());
  }
  const toServer = new FrameBorder(true);
  const toClient = new FrameBorder(false);
  client.pipe(toServer).pipe(upstream);
  upstream.pipe(toClient).pipe(client);
  return () => {
    toServer.goAway();
    toClient.goAway();
    clock.after(CLOSING_MS, () => {
      client.destroy();
      upstream.destroy();
    });
  };
}
