// When a client leaves before it is served.
import type { Duplex } from 'node:stream';

/**
 * Calls `gone` once, when its connection closes, or ends before it has said anything that was not read yet: what is said stays unread, and
 * an end behind it unseen. Returns what forgets it.
 */
export function onGone(client: Duplex, gone: () => void): () => void {
  const forget = (): void => void client.off('end', once).off('close', once);
  const once = (): void => {
    forget();
    gone();
  };
  client.once('end', once).once('close', once);
  // an end is told to those who read only
  client.read(0);
  return forget;
}
