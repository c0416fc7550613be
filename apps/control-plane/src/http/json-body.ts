// Bodies are read as bytes and parsed here, because Marathon's answers to bad ones differ from any framework's (api.md 1.2):
// wrong type or packed 415, nothing at all 400 with its own text, no JSON 400 with the parser's words.
import type { FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';

/** Marathon has no limit; a definition with thousands of labels is far below this. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** No definition is nested deeper than about 10; far more is an attack on whoever walks the tree. */
const DEPTH_MAX = 500;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `anyType`: whatever the type says; Marathon's groups are read so (api.md 1.1), and `curl -d` without a header relies on it. */
export function readJson(request: FastifyRequest, { anyType = false } = {}): unknown {
  const type = request.headers['content-type'];
  if (!anyType && type !== undefined && !isJson(type)) throw failures.unsupportedMediaType();
  const encoding = request.headers['content-encoding']?.trim() ?? '';
  if (!/^(identity)?$/i.test(encoding)) {
    throw failures.unsupportedMediaType(
      'Bodies with a Content-Encoding are not read. Send the body as it is, without this header.',
    );
  }
  const { body } = request;
  if (!Buffer.isBuffer(body) || !body.length) throw failures.emptyBody();
  const text = decoded(body);
  if (isTooDeep(text)) throw failures.invalidJson(`nested deeper than ${DEPTH_MAX} levels`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failures.invalidJson(error instanceof Error ? error.message : String(error));
  }
}

const isJson = (type: string): boolean =>
  /^application\/([\w.+-]+\+)?json$/.test((type.split(';')[0] ?? '').trim().toLowerCase());

function decoded(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw failures.invalidJson('the body is not valid UTF-8');
  }
}

/** Counts brackets outside of texts; the parser itself would accept any depth. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inText) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > DEPTH_MAX) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}
