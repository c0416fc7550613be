// Joins the two connections of a WebSocket until both are closed. When the target leaves and its drain time is over, both sides get a
// close frame 1001 (going away) at the next border of a frame, a moment to answer it, and then the end of the connection.
import type { Duplex } from 'node:stream';
import type { Clock } from '#libs/time';
import { FrameBorder } from './frame-border.js';

/** For the answers to our close frames. */
const CLOSING_MS = 1_000;

/** `onClosed` is called once, when both are closed. Returns what ends it in order. */
export function relayWebSocket(
  { client, upstream, clock }: { client: Duplex; upstream: Duplex; clock: Clock },
  onClosed: () => void,
): () => void {
  let open = 2;
  const closed = (other: Duplex) => (): void => {
    open -= 1;
    if (!other.writableEnded || !other.readableEnded) other.destroy();
    if (open === 0) onClosed();
  };
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    if (one.closed) process.nextTick(closed(other));
    else one.once('close', closed(other));
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
