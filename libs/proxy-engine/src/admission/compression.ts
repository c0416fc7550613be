// Compression on the way to the client (`longrun.io/compress`): gzip or br, for answers that gain by it. Never on by default: answers
// that hold secrets beside what a client sent can be guessed by their length (BREACH), so each service has to want it.
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { Transform } from 'node:stream';

export type Encoding = 'br' | 'gzip';

/** Shorter ones would grow, or nearly. */
const BYTES_MIN = 1_024;
const BROTLI_QUALITY = 4;
const GZIP_LEVEL = 5;
const NO_BODY = new Set([204, 205, 206, 304]);
const TYPES =
  /^(?:text\/(?!event-stream)[^;]+|application\/(?:[^;]*\+)?(?:json|xml)|application\/(?:javascript|x-javascript|ld\+json|graphql|x-ndjson|wasm)|image\/svg\+xml|font\/(?:ttf|otf))\s*(?:;|$)/i;

/** What the client takes, by its Accept-Encoding (RFC 9110 12.5.3); br before gzip where both are as welcome. */
export function encodingFor(acceptEncoding: string | undefined): Encoding | undefined {
  if (acceptEncoding === undefined || acceptEncoding.length > 1_000) return undefined;
  const weights = new Map<string, number>();
  for (const item of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((each) => each.trim());
    const q = parameters.find((each) => each.startsWith('q='))?.slice(2);
    weights.set(name, q === undefined ? 1 : Number.parseFloat(q) || 0);
  }
  const weigh = (name: Encoding): number => weights.get(name) ?? weights.get('*') ?? 0;
  const [br, gzip] = [weigh('br'), weigh('gzip')];
  if (br <= 0 && gzip <= 0) return undefined;
  return br >= gzip ? 'br' : 'gzip';
}

/** Names and values in turn; changed in place. Undefined: the answer stays as it is. */
export function compressorFor(encoding: Encoding, status: number, headers: string[]): Transform | undefined {
  if (status < 200 || NO_BODY.has(status)) return undefined;
  if (!TYPES.test(valueOf(headers, 'content-type') ?? '')) return undefined;
  // whether or not this one is: caches must tell apart what clients took
  const gains =
    valueOf(headers, 'content-encoding') === undefined &&
    !/\bno-transform\b/i.test(valueOf(headers, 'cache-control') ?? '') &&
    Number(valueOf(headers, 'content-length') ?? BYTES_MIN) >= BYTES_MIN;
  addVary(headers);
  if (!gains) return undefined;
  for (const name of ['content-length', 'accept-ranges', 'content-md5', 'digest', 'content-digest'])
    removeAll(headers, name);
  weakenTag(headers);
  headers.push('Content-Encoding', encoding);
  // each piece leaves at once: what a task sends in pieces a client shall see in pieces
  return encoding === 'br'
    ? createBrotliCompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
      })
    : createGzip({ level: GZIP_LEVEL, flush: constants.Z_SYNC_FLUSH });
}

function valueOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === name) return headers[at + 1];
  }
  return undefined;
}

function removeAll(headers: string[], name: string): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    if (headers[at]?.toLowerCase() === name) headers.splice(at, 2);
  }
}

function addVary(headers: string[]): void {
  const before = valueOf(headers, 'vary');
  if (before === undefined || !/\baccept-encoding\b|\*/i.test(before))
    headers.push('Vary', 'Accept-Encoding');
}

/** The bytes differ, the meaning does not (RFC 9110 8.8.1). */
function weakenTag(headers: string[]): void {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1] ?? '';
    if (headers[at]?.toLowerCase() === 'etag' && value.startsWith('"')) headers[at + 1] = `W/${value}`;
  }
}
