// The proxy's own answers: JSON `{message}`, which says what to do about it, never a stack or an address of a task.
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { OwnAnswer } from './admission/admit.js';

/** Clients that obey try again about when a task may have started. */
const RETRY_AFTER_S = 5;

/** Answers unless an answer has begun; then the connection is cut, so that nobody takes a torn answer for a whole one. */
export function ownAnswer(res: ServerResponse, own: OwnAnswer): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const { headers, body } = partsOf(own);
  res.writeHead(own.status, headers.flat());
  res.end(body);
}

/** The same for a connection without an HTTP server of Node's on it; it closes the connection. */
export function rawAnswer(status: number, message: string): string {
  return rawOwnAnswer({ kind: 'answer', status, message, headers: [] });
}

export function rawOwnAnswer(own: OwnAnswer): string {
  const { headers, body } = partsOf(own);
  const lines = [`HTTP/1.1 ${own.status} ${STATUS_CODES[own.status] ?? ''}`, 'connection: close'];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Of the body of such an answer to a request with this method. */
export const bodyBytesOf = ({ message }: OwnAnswer, method: string | undefined): number =>
  message === '' || method === 'HEAD' ? 0 : Buffer.byteLength(JSON.stringify({ message }));

/** Header names and values, and the body. */
export function partsOf(own: OwnAnswer): {
  readonly headers: (readonly [name: string, value: string])[];
  readonly body: string;
} {
  const body = own.message === '' ? '' : JSON.stringify({ message: own.message });
  const headers: (readonly [string, string])[] = [['content-length', String(Buffer.byteLength(body))]];
  if (body !== '')
    headers.push(['content-type', 'application/json; charset=utf-8'], ['cache-control', 'no-store']);
  const named = new Set(own.headers.map(([name]) => name));
  if (own.status === 503 && !named.has('retry-after')) headers.push(['retry-after', String(RETRY_AFTER_S)]);
  return { headers: [...headers, ...own.headers], body };
}
