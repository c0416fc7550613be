// The proxy's own answers: JSON `{message}`, which says what to do about it, never a stack or an address of a task.
import type { ServerResponse } from 'node:http';

/** Clients that obey try again about when a task may have started. */
const RETRY_AFTER_S = 5;

/** Answers unless an answer has begun; then the connection is cut, so that nobody takes a torn answer for a whole one. */
export function answer(res: ServerResponse, status: number, message: string): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const body = JSON.stringify({ message });
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 503 ? { 'retry-after': String(RETRY_AFTER_S) } : {}),
  });
  res.end(body);
}

export function redirect(res: ServerResponse, method: string | undefined, location: string): void {
  // 308 keeps method and body, 301 is what old clients understand
  const status = method === 'GET' || method === 'HEAD' ? 301 : 308;
  res.writeHead(status, { location, 'content-length': 0 }).end();
}

/** The same for a connection whose HTTP parser is gone (an upgrade). */
export function rawAnswer(status: number, reason: string, message: string): string {
  const body = JSON.stringify({ message });
  return (
    `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n` +
    `${status === 503 ? `retry-after: ${RETRY_AFTER_S}\r\n` : ''}\r\n${body}`
  );
}
