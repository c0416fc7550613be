// crypt(3) hashes of passwords, as marathon-lb hands them to HAProxy: SHA-256 and SHA-512 (`$5$`, `$6$`; Drepper, "Unix crypt using
// SHA-256 and SHA-512", 2008) and the older MD5 (`$1$`, Apache's `$apr1$`). Our own, for npm's package for it knows no MD5 and sets no
// bound to rounds; held against openssl and the published vectors. It computes at once: whoever calls it bounds how often.
import { hash, timingSafeEqual } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ROUNDS_DEFAULT = 5_000;
const ROUNDS_MIN = 1_000;
/** The reader of labels allows no more (labels/access.ts). */
const ROUNDS_MAX = 50_000;
const PASSWORD_MAX = 256;

/** False as well for a hash of a kind that is not known, and for passwords of more than 256 bytes. */
export function verifyCrypt(password: string, stored: string): boolean {
  const key = Buffer.from(password, 'utf8');
  if (key.length > PASSWORD_MAX) return false;
  const [, kind = '', ...parts] = stored.split('$');
  const computed =
    kind === '5' || kind === '6'
      ? sha(kind, key, parts)
      : kind === '1' || kind === 'apr1'
        ? md5(kind, key, parts)
        : undefined;
  if (computed === undefined) return false;
  const [ours, theirs] = [Buffer.from(computed), Buffer.from(parts.at(-1) ?? '')];
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
}

function sha(kind: '5' | '6', key: Buffer, parts: readonly string[]): string | undefined {
  const [first = '', second = ''] = parts;
  const given = /^rounds=(\d{1,9})$/.exec(first)?.[1];
  const rounds = given === undefined ? ROUNDS_DEFAULT : Math.max(ROUNDS_MIN, Number(given));
  if (rounds > ROUNDS_MAX) return undefined;
  const salt = Buffer.from(given === undefined ? first : second, 'utf8').subarray(0, 16);
  const digest = (...data: readonly Uint8Array[]): Buffer =>
    hash(kind === '5' ? 'sha256' : 'sha512', Buffer.concat(data), 'buffer');
  const start = begin(digest, key, salt);
  const p = repeated(digest(...Array.from({ length: key.length }, () => key)), key.length);
  const s = repeated(digest(...Array.from({ length: 16 + (start[0] ?? 0) }, () => salt)), salt.length);
  let last = start;
  for (let round = 0; round < rounds; round += 1) {
    const data: Uint8Array[] = [round % 2 ? p : last];
    if (round % 3) data.push(s);
    if (round % 7) data.push(p);
    data.push(round % 2 ? last : p);
    last = digest(...data);
  }
  return encode(last, kind === '5' ? ORDER_256 : ORDER_512);
}

/** Steps 1 to 12 of the specification. */
function begin(digest: (...data: readonly Uint8Array[]) => Buffer, key: Buffer, salt: Buffer): Buffer {
  const other = digest(key, salt, key);
  const data: Uint8Array[] = [key, salt, repeated(other, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) data.push(bits & 1 ? other : key);
  return digest(...data);
}

/** So many bytes of it, over and over. */
function repeated(bytes: Buffer, length: number): Buffer {
  const out = Buffer.alloc(length);
  for (let at = 0; at < length; at += bytes.length) bytes.copy(out, at);
  return out;
}

const MD5_ROUNDS = 1_000;

function md5(kind: '1' | 'apr1', key: Buffer, [text = '']: readonly string[]): string {
  const salt = Buffer.from(text, 'utf8').subarray(0, 8);
  const digest = (...data: readonly Uint8Array[]): Buffer => hash('md5', Buffer.concat(data), 'buffer');
  const data: Uint8Array[] = [
    key,
    Buffer.from(`$${kind}$`),
    salt,
    repeated(digest(key, salt, key), key.length),
  ];
  for (let bits = key.length; bits > 0; bits >>= 1) data.push(bits & 1 ? ZERO : key.subarray(0, 1));
  let last = digest(...data);
  for (let round = 0; round < MD5_ROUNDS; round += 1) {
    const next: Uint8Array[] = [round % 2 ? key : last];
    if (round % 3) next.push(salt);
    if (round % 7) next.push(key);
    next.push(round % 2 ? last : key);
    last = digest(...next);
  }
  return encode(last, ORDER_MD5);
}

const ZERO = Buffer.from([0]);

/** Which three bytes make each four letters; the last entry has fewer. */
type Order = readonly (readonly number[])[];

/** Each triple follows from the one before, in another order and one further. */
function orderOf(
  triple: readonly number[],
  count: number,
  turn: readonly number[],
  last: readonly number[],
): Order {
  const order = [triple];
  while (order.length < count) order.push(turn.map((each) => (order.at(-1)?.[each] ?? 0) + 1));
  return [...order, last];
}
const ORDER_256 = orderOf([0, 10, 20], 10, [2, 0, 1], [31, 30]);
const ORDER_512 = orderOf([0, 21, 42], 21, [1, 2, 0], [63]);
const ORDER_MD5: Order = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]];

function encode(bytes: Buffer, order: Order): string {
  let text = '';
  for (const group of order) {
    let value = 0;
    for (const at of group) value = (value << 8) | (bytes[at] ?? 0);
    for (let letter = 0; letter <= group.length; letter += 1) {
      text += ALPHABET[value & 63];
      value >>= 6;
    }
  }
  return text;
}
