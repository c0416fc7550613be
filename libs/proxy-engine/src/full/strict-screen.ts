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

/** Of a request that node's own parser refuses, in the fast path's words. Undefined: the connection broke, or the client left. */
export function faultOfParser(error: Error): Fault | undefined {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, why: 'the head is longer than allowed' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, why: 'the head of the request came too slowly' };
  // the other one: an end in the middle
  if (!code.startsWith('HPE_') || code === 'HPE_INVALID_EOF_STATE') return undefined;
  return { status: 400, why: 'reason' in error ? String(error.reason) : code };
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
