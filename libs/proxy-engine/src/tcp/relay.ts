// Joins two connections until both are closed. Ends travel one way at a time (a client may say "that is all" and still listen),
// breaks travel at once.
import type { Duplex } from 'node:stream';

/** Who ended or broke it first. */
export type Side = 'client' | 'target';

/** `onClosed` is called once, when both are closed. Both must allow half-open. */
export function relay(client: Duplex, upstream: Duplex, onClosed: (first: Side) => void): void {
  let open = 2;
  const first = firstOf(client, upstream);
  const closed = (other: Duplex) => (): void => {
    open -= 1;
    // after an orderly end the other side has ended both ways, too, and may still be sending; a break must not leave it waiting
    if (!other.writableEnded || !other.readableEnded) other.destroy();
    if (open === 0) onClosed(first());
  };
  watch(client, closed(upstream));
  watch(upstream, closed(client));
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
}

/** Returns what tells whose end came first, once there was one. */
export function firstOf(client: Duplex, upstream: Duplex): () => Side {
  let side: Side | undefined;
  for (const [each, name] of [
    [client, 'client'],
    [upstream, 'target'],
  ] as const) {
    const note = (): void => void (side ??= name);
    if (each.closed || each.readableEnded) note();
    each.once('end', note).once('error', note).once('close', note);
  }
  return () => side ?? 'target';
}

/** One that is closed already says so no more. */
function watch(connection: Duplex, onClose: () => void): void {
  if (connection.closed) process.nextTick(onClose);
  else connection.once('close', onClose);
}
