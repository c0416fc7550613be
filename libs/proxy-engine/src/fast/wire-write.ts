// A head and the first piece of its body in as few system calls as possible: one where the piece is small enough to be put into the
// same string, one gathering write otherwise.
import type { Duplex } from 'node:stream';

/** Up to here a copy is cheaper than a second piece. */
const JOIN_BYTES_MAX = 2 * 1024;

/** Such a piece is copied, and its buffer free at once. */
export const isJoined = (bytes: number): boolean => bytes <= JOIN_BYTES_MAX;

export interface Piece {
  readonly data: Buffer;
  readonly from: number;
  readonly end: number;
}

/** Told when a write is done, or has failed. */
export type Written = (error?: Error | null) => void;

/** `head` is latin1. `written` is of the piece, if that is not joined. */
export function writeMessage(
  socket: Duplex,
  head: string,
  { data, from, end }: Piece,
  written?: Written,
): void {
  const bytes = end - from;
  if (bytes === 0) socket.write(head, 'latin1');
  else if (isJoined(bytes)) socket.write(head + data.toString('latin1', from, end), 'latin1');
  else {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(part(data, from, end), written);
    socket.uncork();
  }
}

/** Without a view of its own where it is all of it. */
export function part(data: Buffer, from: number, end: number): Buffer {
  return from === 0 && end === data.length ? data : data.subarray(from, end);
}
