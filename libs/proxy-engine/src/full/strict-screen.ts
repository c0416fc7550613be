// What node:http lets pass and the fast path does not: the same reader says so here, from the head that node has taken apart. What node
// has smoothed away already (blanks around values, empty lines in front) is harmless by then, for node writes each head and each chunk
// anew. Answers of tasks are looked at likewise.
import type { IncomingMessage } from 'node:http';
import { readRequestHead, readResponseHead } from '#libs/http-wire';
import { HEAD_LIMITS } from '../fast/limits.js';

export interface Fault {
  readonly status: number;
  readonly why: string;
}

/** Undefined: it may be forwarded. */
export function faultOfRequest(req: IncomingMessage): Fault | undefined {
  const first = `${req.method} ${req.url} HTTP/${req.httpVersion}`;
  const verdict = readRequestHead(headOf(first, req.rawHeaders), 0, HEAD_LIMITS);
  return verdict.kind === 'bad' ? verdict : undefined;
}

/** Of an answer to a request with this method. */
export function faultOfAnswer(response: IncomingMessage, method: string): string | undefined {
  const first = `HTTP/${response.httpVersion} ${statusOf(response)} ${response.statusMessage ?? ''}`;
  const verdict = readResponseHead(headOf(first, response.rawHeaders), 0, HEAD_LIMITS, { method });
  return verdict.kind === 'bad' ? verdict.why : undefined;
}

/** Three digits, as it was sent. */
const statusOf = ({ statusCode }: IncomingMessage): string => String(statusCode ?? 0).padStart(3, '0');

function headOf(first: string, lines: readonly string[]): Buffer {
  let text = `${first}\r\n`;
  for (let i = 0; i < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}
