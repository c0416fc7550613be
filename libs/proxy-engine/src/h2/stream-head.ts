// Reads the head of an HTTP/2 request as strictly as that of an HTTP/1.1 one, for it is written as one towards most targets: what could
// become another message there is refused here (RFC 9113 8.2, 8.3, 10.3; "h2 downgrade" smuggling). nghttp2 refuses much of it before.
import type { RequestFacts } from '../admission/request-facts.js';
import { HEAD_LIMITS } from '../fast/limits.js';
import type { HeaderMap } from '../full/client-side.js';
import type { Origin } from '../fronts/origin.js';

export interface StreamHead {
  readonly kind: 'head';
  readonly method: string;
  readonly path: string;
  /** Of `:authority`, or the Host header. */
  readonly authority: string;
  /** Of an extended CONNECT (RFC 8441): what is to be spoken. */
  readonly protocol: string | undefined;
  /** Lower-case names, pseudo-headers taken out, `host` put in. */
  readonly headers: HeaderMap;
  readonly hasBody: boolean;
}
export interface BadHead {
  readonly kind: 'bad';
  readonly status: number;
  readonly why: string;
}

const TOO_LONG = 'the request is not served: its path is longer than allowed';
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, blanks inside, obs-text. No CR, LF, NUL or other control. */
const VALUE = /^(?:[\x21-\x7e\x80-\uffff](?:[\t\x20-\x7e\x80-\uffff]*[\x21-\x7e\x80-\uffff])?)?$/;
const PATH = /^\/[\x21\x22\x24-\x7e]*$/;
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d{0,5})?$/;
const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
/** Some servers read `_` as `-`. */
const DISGUISED = /^(?:content_length|transfer_encoding|content-length_|transfer-encoding_)$/;
const ONCE = new Set(['host', 'content-length', 'content-type', 'authorization', 'user-agent', 'expect']);

/** `raw`: names and values in turn, in the order of the wire. */
export function readStreamHead(raw: readonly string[], ended: boolean): StreamHead | BadHead {
  const pseudo = new Map<string, string>();
  const headers: HeaderMap = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    if (!VALUE.test(value)) return bad(`characters that no header may hold, in the value of ${nameOf(name)}`);
    if (name.startsWith(':')) {
      if (pseudo.has(name)) return bad(`${nameOf(name)} more than once`);
      pseudo.set(name, value);
      continue;
    }
    const fault = faultOf(name, value, headers);
    if (fault !== undefined) return bad(fault);
    add(headers, name, value);
  }
  return judge(pseudo, headers, ended);
}

function faultOf(name: string, value: string, headers: HeaderMap): string | undefined {
  if (!TOKEN.test(name) || name !== name.toLowerCase()) return 'a header name that is no lower-case token';
  if (OF_CONNECTION.has(name)) return `${name}, which HTTP/2 does not have`;
  if (DISGUISED.test(name)) return 'a framing field written with an underscore';
  if (name === 'te' && value.toLowerCase() !== 'trailers') return 'te with something else than trailers';
  if (name === 'content-length' && !/^(?:0|[1-9]\d{0,15})$/.test(value))
    return 'a content-length that is no number';
  if (ONCE.has(name) && headers[name] !== undefined) return `${name} more than once`;
  return undefined;
}

function add(headers: HeaderMap, name: string, value: string): void {
  const before = headers[name];
  // cookies may come in crumbs (RFC 9113 8.2.3)
  if (name === 'cookie' && before !== undefined) headers[name] = `${String(before)}; ${value}`;
  else headers[name] = before === undefined ? value : [before, value].flat();
}

function judge(
  pseudo: ReadonlyMap<string, string>,
  headers: HeaderMap,
  ended: boolean,
): StreamHead | BadHead {
  const method = pseudo.get(':method') ?? '';
  if (!TOKEN.test(method)) return bad('a :method that is no token');
  const protocol = pseudo.get(':protocol');
  if (method === 'CONNECT' && protocol === undefined)
    return { kind: 'bad', status: 501, why: 'CONNECT: this is a reverse proxy and opens no tunnels' };
  const scheme = pseudo.get(':scheme') ?? '';
  if (!/^https?$/i.test(scheme)) return bad('a :scheme other than http and https');
  const path = pseudo.get(':path') ?? '';
  if (!PATH.test(path) && !(path === '*' && method === 'OPTIONS'))
    return bad('a :path that does not begin with a slash, or has characters that none may hold');
  if (path.length > HEAD_LIMITS.targetBytes) return { kind: 'bad', status: 414, why: TOO_LONG };
  const authority = pseudo.get(':authority') ?? '';
  const host = headers['host'] === undefined ? '' : String(headers['host']);
  if (authority !== '' && host !== '' && authority.toLowerCase() !== host.toLowerCase())
    return bad(':authority and host that name different hosts');
  const named = authority === '' ? host : authority;
  if (!AUTHORITY.test(named)) return bad('an :authority that is no host');
  if (ended && Number(headers['content-length'] ?? 0) > 0) return bad('a content-length without a body');
  return {
    kind: 'head',
    method,
    path,
    authority: named,
    protocol,
    headers: { ...headers, host: named },
    hasBody: !ended,
  };
}

const bad = (why: string): BadHead => ({ kind: 'bad', status: 400, why: `the request is malformed: ${why}` });

/** Names come from strangers, and go into an answer. */
const nameOf = (name: string): string => name.replace(/[^\x21-\x7e]/g, '?').slice(0, 64);

export function factsOfStream(head: StreamHead, origin: Origin): RequestFacts {
  const length = head.headers['content-length'];
  return {
    // what an extended CONNECT opens is asked for with GET elsewhere, and rules are about that
    method: head.protocol === undefined ? head.method : 'GET',
    url: head.path,
    host: head.authority,
    header: (name) => {
      const value = head.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    clientAddress: origin.clientAddress,
    secure: origin.secure,
    ...(origin.servicePort === undefined ? {} : { servicePort: origin.servicePort }),
    bodyBytes:
      !head.hasBody || head.protocol !== undefined ? 0 : length === undefined ? undefined : Number(length),
  };
}
