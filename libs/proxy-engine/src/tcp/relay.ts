// Joins two connections until both are closed. Ends travel one way at a time (a client may say "that is all" and still listen),
// breaks travel at once.
import type { Duplex } from 'node:stream';

/** `onClosed` is called once, when both are closed. Both must allow half-open. */
export function relay(client: Duplex, upstream: Duplex, onClosed: () => void): void {
  let open = 2;
  const closed = (other: Duplex) => (): void => {
    open -= 1;
    // after an orderly end the other side has ended both ways, too, and may still be sending; a break must not leave it waiting
    if (!other.writableEnded || !other.readableEnded) other.destroy();
    if (open === 0) onClosed();
  };
  watch(client, closed(upstream));
  watch(upstream, closed(client));
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
}

/** One that is closed already says so no more. */
function watch(connection: Duplex, onClose: () => void): void {
  if (connection.closed) process.nextTick(onClose);
  else connection.once('close', onClose);
}
