// Addresses and networks in CIDR form, IPv4 and IPv6 (RFC 4632, RFC 4291), as bits: `10.0.0.0/8`, `2001:db8::/32`, a lone address.
// An IPv4 address inside IPv6 (`::ffff:10.0.0.1`, how a dual-stack listener shows IPv4 clients) counts as the IPv4 address it is.

/** `bytes`: 4 or 16, what is behind the prefix cleared. */
export interface Network {
  readonly bytes: readonly number[];
  /** Bits that must agree. */
  readonly prefix: number;
}

/** Undefined when it is neither an address nor a network. Bits behind the prefix are taken as zeros. */
export function parseNetwork(text: string): Network | undefined {
  const [address, length, ...rest] = text.split('/');
  if (address === undefined || rest.length > 0) return undefined;
  const bytes = parseAddress(address);
  if (!bytes) return undefined;
  const written = length === undefined ? undefined : prefixOf(length);
  if (length !== undefined && written === undefined) return undefined;
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8
  const skipped = bytes.length === 4 && address.includes(':') ? 96 : 0;
  const prefix = written === undefined ? bytes.length * 8 : written - skipped;
  if (prefix < 0 || prefix > bytes.length * 8) return undefined;
  return { bytes: bytes.map((each, at) => each & maskAt(prefix, at)), prefix };
}

/** 4 or 16 bytes. Undefined: no address. A zone (`fe80::1%eth0`) is left out. */
export function parseAddress(text: string): readonly number[] | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const bytes = parseIpv6(text.split('%', 1)[0] ?? '');
  if (!bytes) return undefined;
  const mapped = bytes.slice(0, 10).every((each) => each === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

/** Is this address (of `parseAddress`) inside? */
export function isInside({ bytes, prefix }: Network, address: readonly number[]): boolean {
  if (bytes.length !== address.length) return false;
  for (let at = 0; at * 8 < prefix; at += 1) {
    if (((address[at] ?? 0) & maskAt(prefix, at)) !== bytes[at]) return false;
  }
  return true;
}

function maskAt(prefix: number, at: number): number {
  const bits = Math.max(0, Math.min(8, prefix - at * 8));
  return (0xff << (8 - bits)) & 0xff;
}

const prefixOf = (text: string): number | undefined => (/^\d{1,3}$/.test(text) ? Number(text) : undefined);

function parseIpv4(text: string): number[] | undefined {
  if (text.length > 15) return undefined;
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  // 010 is octal to some and decimal to others, so it is neither here
  if (!parts.every((each) => /^(?:0|[1-9]\d{0,2})$/.test(each) && Number(each) <= 255)) return undefined;
  return parts.map(Number);
}

function parseIpv6(text: string): number[] | undefined {
  if (text.length > 45) return undefined;
  const [head, tail, ...more] = text.split('::');
  if (head === undefined || more.length > 0) return undefined;
  const front = groupsOf(head, tail === undefined);
  const back = tail === undefined ? [] : groupsOf(tail, true);
  if (!front || !back) return undefined;
  const missing = 16 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...front, ...Array.from({ length: missing }, () => 0), ...back];
}

/** `last`: an IPv4 address may stand at the end. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [at, group] of groups.entries()) {
    if (last && at === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group);
      if (!ipv4) return undefined;
      bytes.push(...ipv4);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes.length <= 16 ? bytes : undefined;
}
