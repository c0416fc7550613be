// Where log lines go: written at once, and never a reason for the one who logs to fail. On a full disk lines are lost, counted, and the
// number is told by the first line that gets through; pino's own destination throws into the caller and then keeps every line in memory.
import { openSync, writeSync } from 'node:fs';

/** A pipe whose reader is slow is waited for, together at most half a second. */
const BUSY_WAIT_MS = 10;
const BUSY_TRIES_MAX = 50;

export interface LogDestination {
  /** One line with its end; never throws. */
  write(line: string): void;
}

/** `dest`: a file to append to, or a file descriptor. Throws only now, when the file cannot be opened. */
export function logDestination(dest: string | number): LogDestination {
  const fd = typeof dest === 'number' ? dest : openSync(dest, 'a', 0o600);
  let lost = 0;
  return {
    write(line) {
      const notice = lost > 0 ? `${JSON.stringify({ level: 40, lost, msg: 'log lines were lost' })}\n` : '';
      if (writeAll(fd, Buffer.from(notice + line))) lost = 0;
      else lost += 1;
    },
  };
}

/** False when not all of it could be written. */
function writeAll(fd: number, bytes: Buffer): boolean {
  let done = 0;
  for (let tries = 0; tries < BUSY_TRIES_MAX;) {
    try {
      done += writeSync(fd, bytes, done);
      if (done >= bytes.length) return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      tries += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_WAIT_MS);
    }
  }
  return false;
}
