// Gzip for clients that accept it (api.md 1.1); streams are never held back by it.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const deflate = promisify(gzip);
/** Fast: what is large is read often and from nearby. */
const LEVEL = 1;
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

/** Lists that many clients ask for at once are one buffer (sliced-json.ts), and compressed once. */
const known = new WeakMap<Buffer, Promise<Buffer>>();

function compress(payload: string | Buffer): Promise<Buffer> {
  if (typeof payload === 'string') return deflate(payload, { level: LEVEL });
  const made = known.get(payload) ?? deflate(payload, { level: LEVEL });
  known.set(payload, made);
  return made;
}
