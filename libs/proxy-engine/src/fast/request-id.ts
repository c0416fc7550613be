// X-Request-Id: kept when a client or a balancer in front gave a usable one, made here otherwise, so that one request can be followed
// through access logs and tasks.
import { randomBytes } from 'node:crypto';

/** Printable, and short enough for every log line. */
const USABLE = /^[\x21-\x7e]{1,128}$/;
/** Of this process; the counter makes it unique, and nobody needs it to be hard to guess. */
const PROCESS = randomBytes(6).toString('hex');
let made = 0;

export function makeRequestId(): string {
  made += 1;
  return `${PROCESS}-${made.toString(36)}`;
}

export const isUsableRequestId = (id: string): boolean => USABLE.test(id);
