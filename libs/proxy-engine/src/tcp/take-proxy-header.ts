// Waits for the PROXY header in front of a connection and takes it off.
import type { Socket } from 'node:net';
import type { HeaderFault } from '#libs/proxy-core';
import type { Clock } from '#libs/time';
import { beginsProxyHeader, readProxyHeader, type Endpoints } from './proxy-header.js';

/** What sends one sends it at once: it is the first thing on the connection. */
export const PROXY_HEADER_MS = 3_000;

export type Taken =
  /** Without endpoints the connection speaks for itself (LOCAL, UNKNOWN). */
  | { readonly kind: 'taken'; readonly endpoints?: Endpoints }
  /** The connection is not to be served. */
  | { readonly kind: 'wrong'; readonly fault: HeaderFault }
  /** Closed without a word, as health checks do. */
  | { readonly kind: 'gone' };

/** The bytes behind it are put back; the socket is left paused. */
export function takeProxyHeader(socket: Socket, clock: Clock): Promise<Taken> {
  // gone before anybody listened: it will not say so again
  if (socket.destroyed || socket.readableEnded) return Promise.resolve({ kind: 'gone' });
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const finish = (taken: Taken, end = 0): void => {
      timer.cancel();
      socket.off('data', onData).off('end', onGone).off('close', onGone);
      socket.pause();
      if (taken.kind === 'taken' && end < seen.length) socket.unshift(seen.subarray(end));
      resolve(taken);
    };
    const onWrong = (fault: HeaderFault): void => finish({ kind: 'wrong', fault });
    const onGone = (): void => (seen.length > 0 ? onWrong('cut') : finish({ kind: 'gone' }));
    const onData = (bytes: Buffer): void => {
      seen = Buffer.concat([seen, bytes]);
      const header = readProxyHeader(seen);
      if (header.kind === 'bad') onWrong(beginsProxyHeader(seen) ? 'malformed' : 'missing');
      else if (header.kind === 'header')
        finish({ kind: 'taken', ...(header.endpoints ? { endpoints: header.endpoints } : {}) }, header.end);
    };
    const timer = clock.after(PROXY_HEADER_MS, () => onWrong('late'));
    socket.on('data', onData).once('end', onGone).once('close', onGone);
  });
}
