// Which header lines a forwarder must not pass on as they are. Asked for each line of each head, so by length and first letter before
// anything is compared.

export const KEEP = 0;
/** Belongs to one connection (RFC 9110 7.6.1), or is written anew. */
export const DROP = 1;
export const FORWARDED_FOR = 2;
export const FORWARDED_PROTO = 3;
export const FORWARDED_PORT = 4;
export const FORWARDED_HOST = 5;
export const REQUEST_ID = 6;
export const DATE = 7;
export const TRANSFER_ENCODING = 8;
export const CONTENT_LENGTH = 9;

/** Lower-case names by length; the same rules as the full path's (full/forwarded-headers.ts). */
const IN_REQUESTS = byLength({
  connection: DROP,
  'keep-alive': DROP,
  'proxy-connection': DROP,
  'proxy-authenticate': DROP,
  'proxy-authorization': DROP,
  te: DROP,
  trailer: DROP,
  upgrade: DROP,
  expect: DROP,
  'http2-settings': DROP,
  // only this proxy knows what it cut off
  'x-forwarded-prefix': DROP,
  // written anew from X-Forwarded-*
  forwarded: DROP,
  'x-forwarded-for': FORWARDED_FOR,
  'x-forwarded-proto': FORWARDED_PROTO,
  'x-forwarded-port': FORWARDED_PORT,
  'x-forwarded-host': FORWARDED_HOST,
  'x-request-id': REQUEST_ID,
});
const IN_ANSWERS = byLength({
  connection: DROP,
  'keep-alive': DROP,
  'proxy-connection': DROP,
  'proxy-authenticate': DROP,
  'proxy-authorization': DROP,
  te: DROP,
  trailer: DROP,
  upgrade: DROP,
  expect: DROP,
  'http2-settings': DROP,
  date: DATE,
  'transfer-encoding': TRANSFER_ENCODING,
  'content-length': CONTENT_LENGTH,
});

type Kinds = readonly (readonly { readonly name: string; readonly first: number; readonly kind: number }[])[];

function byLength(kinds: Readonly<Record<string, number>>): Kinds {
  const table: { name: string; first: number; kind: number }[][] = [];
  for (const [name, kind] of Object.entries(kinds))
    (table[name.length] ??= []).push({ name, first: name.charCodeAt(0), kind });
  // no holes: reading one is slow
  for (let length = 0; length < table.length; length += 1) table[length] ??= [];
  return table;
}

export const kindInRequest = (name: string): number => kindOf(IN_REQUESTS, name);
export const kindInAnswer = (name: string): number => kindOf(IN_ANSWERS, name);

function kindOf(kinds: Kinds, name: string): number {
  if (name.length >= kinds.length) return KEEP;
  const candidates = kinds[name.length] ?? [];
  if (candidates.length === 0) return KEEP;
  const first = name.charCodeAt(0) | 0x20;
  for (const candidate of candidates) {
    if (candidate.first === first && (candidate.name === name || candidate.name === name.toLowerCase()))
      return candidate.kind;
  }
  return KEEP;
}
