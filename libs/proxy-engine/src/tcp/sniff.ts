// Tells HTTP from other protocols by the first bytes of a connection (mode `auto`). A client that says nothing for 300 ms is
// taken to wait for a server that speaks first (SMTP, SSH, MySQL), hence the limit: it is what such a connection is delayed by.
import { METHODS } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '#libs/time';

export const SNIFF_MS = 300;
const LONGEST = Math.max(...METHODS.map((each) => each.length)) + 1;

/** `maybe`: more bytes are needed. */
export function looksLikeHttp(bytes: Buffer): 'yes' | 'no' | 'maybe' {
  const head = bytes.toString('latin1', 0, LONGEST);
  let maybe = false;
  for (const method of METHODS) {
    const line = `${method} `;
    if (head.startsWith(line)) return 'yes';
    if (line.startsWith(head)) maybe = true;
  }
  return maybe ? 'maybe' : 'no';
}

export type Sniffed = 'http' | 'tcp' | 'silent' | 'gone';

/** All bytes read are put back; the socket is left paused. `silent`: the client has sent nothing within SNIFF_MS. */
export function sniff(socket: Socket, clock: Clock): Promise<Sniffed> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const finish = (verdict: Sniffed): void => {
      timer.cancel();
      socket.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      socket.pause();
      if (seen.length > 0 && verdict !== 'gone') socket.unshift(seen);
      resolve(verdict);
    };
    const onData = (bytes: Buffer): void => {
      seen = Buffer.concat([seen, bytes]);
      const verdict = looksLikeHttp(seen);
      if (verdict !== 'maybe') finish(verdict === 'yes' ? 'http' : 'tcp');
    };
    const onEnd = (): void => finish('tcp');
    const onClose = (): void => finish('gone');
    const timer = clock.after(SNIFF_MS, () => finish(seen.length > 0 ? 'tcp' : 'silent'));
    socket.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
    // whoever read of it before (a PROXY header) has paused it
    socket.resume();
  });
}
