// A head and the first piece of its body in as few system calls as possible: one where the piece is small enough to be put into the
// same string, one gathering write otherwise.
import type { Duplex } from 'node:stream';

/** Up to here a copy is cheaper than a second piece. */
const JOIN_BYTES_MAX = 2 * 1024;

/** `head` is latin1. */
export function writeMessage(socket: Duplex, head: string, data: Buffer, from: number, end: number): void {
  const bytes = end - from;
  if (bytes === 0) socket.write(head, 'latin1');
  else if (bytes <= JOIN_BYTES_MAX) socket.write(head + data.toString('latin1', from, end), 'latin1');
  else {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(part(data, from, end));
    socket.uncork();
  }
}

/** Without a view of its own where it is all of it. */
export function part(data: Buffer, from: number, end: number): Buffer {
  return from === 0 && end === data.length ? data : data.subarray(from, end);
}
