// One GET of a probe: no connection is kept, redirects are not followed, certificates are not verified (behaviour.md 7.2).
import { request as httpRequest, type ClientRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpProbe } from '#libs/agent-core';

/** Not ended yet, so that listeners can be added. */
export function startRequest({
  scheme,
  host,
  port,
  path,
}: Pick<HttpProbe, 'scheme' | 'host' | 'port' | 'path'>): ClientRequest {
  const options: RequestOptions = {
    host,
    port,
    path: requestTarget(path),
    agent: false,
    headers: { 'user-agent': 'longrun-health-check', accept: '*/*', connection: 'close' },
  };
  return scheme === 'https' ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
}

/** As given, it may be encoded already; only bytes that no request line may hold are escaped. */
function requestTarget(path: string): string {
  const bytes = [...Buffer.from(path.startsWith('/') ? path : `/${path}`)];
  return bytes
    .map((byte) =>
      byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}
