// Gzip for clients that accept it (api.md 1.1); streams are never held back by it.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const compress = promisify(gzip);
/** Below it the frame costs more than is won. */
const BYTES_MIN = 1024;

export async function compressed(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
  const accepted = String(request.headers['accept-encoding'] ?? '');
  if (payload.length < BYTES_MIN || !/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accepted)) return payload;
  if (reply.hasHeader('content-encoding')) return payload;
  const body = await compress(payload);
  void reply
    .header('Content-Encoding', 'gzip')
    .header('Vary', 'Accept-Encoding')
    .removeHeader('content-length');
  return body;
}
