// The PROXY protocol's header (HAProxy's proxy-protocol.txt, revision 2020/03/05), in both of its forms: who is really connected, told
// by a proxy or balancer in front before the first byte of its client. Read strictly: what trusts the header trusts every bit of it.
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { parseAddress } from '#libs/routing';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}
/** Of one connection, from whoever opened it to where it arrived. */
export interface Endpoints {
  readonly from: Endpoint;
  readonly to: Endpoint;
}

export type ProxyHeader =
  /** `end`: where the client's own bytes begin. Without endpoints (LOCAL, UNKNOWN) those of the connection itself count. */
  | { readonly kind: 'header'; readonly end: number; readonly endpoints?: Endpoints }
  | { readonly kind: 'more' }
  | { readonly kind: 'bad' };

const BAD = { kind: 'bad' } as const;
const MORE = { kind: 'more' } as const;

const V1_START = Buffer.from('PROXY ');
/** With its CR LF. */
const V1_BYTES_MAX = 107;
const V1 =
  /^PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?|TCP([46]) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;
const PORT_MAX = 65_535;

const V2_START = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED_BYTES = 16;
/** Addresses and extensions. The format allows 64 KiB; what balancers send (names, TLS, ids of networks) has some hundred. */
const V2_REST_MAX = 4_096;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Family and transport: TCP over IPv4, over IPv6, and "not told". Datagrams and local sockets cannot arrive here. */
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNSPECIFIED = 0x00;
const CRC32C = 0x03;

/** Of all bytes that have come so far. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsLike(bytes, V2_START)) return bytes.length < V2_FIXED_BYTES ? MORE : readV2(bytes);
  return beginsLike(bytes, V1_START) ? readV1(bytes) : BAD;
}

/** As far as they go; other bytes are what no header begins with. */
export const beginsProxyHeader = (bytes: Buffer): boolean =>
  beginsLike(bytes, V1_START) || beginsLike(bytes, V2_START);

function beginsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader {
  const lineEnd = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n');
  if (lineEnd < 0) return bytes.length >= V1_BYTES_MAX || bytes.includes('\n') ? BAD : MORE;
  const found = V1.exec(bytes.toString('latin1', 0, lineEnd));
  if (!found) return BAD;
  const end = lineEnd + 2;
  const [, family, from = '', to = '', fromPort, toPort] = found;
  if (family === undefined) return { kind: 'header', end };
  const isRight = family === '4' ? isIPv4 : isIPv6;
  const ports = [Number(fromPort), Number(toPort)] as const;
  if (!isRight(from) || !isRight(to) || ports.some((each) => each > PORT_MAX)) return BAD;
  return {
    kind: 'header',
    end,
    endpoints: { from: { address: from, port: ports[0] }, to: { address: to, port: ports[1] } },
  };
}

function readV2(bytes: Buffer): ProxyHeader {
  const command = bytes[12];
  const family = bytes[13];
  const rest = bytes.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXY) || rest > V2_REST_MAX) return BAD;
  const end = V2_FIXED_BYTES + rest;
  // a health check of the balancer itself: whatever addresses it names are to be ignored
  const size = command === LOCAL || family === UNSPECIFIED ? 0 : sizeOf(family);
  if (size === undefined || rest < 2 * size + (size === 0 ? 0 : 4)) return BAD;
  if (bytes.length < end) return MORE;
  if (size === 0) return { kind: 'header', end };
  const ports = V2_FIXED_BYTES + 2 * size;
  if (!extensionsHold(bytes.subarray(0, end), ports + 4)) return BAD;
  const at = (offset: number): string => addressAt(bytes.subarray(offset, offset + size));
  return {
    kind: 'header',
    end,
    endpoints: {
      from: { address: at(V2_FIXED_BYTES), port: bytes.readUInt16BE(ports) },
      to: { address: at(V2_FIXED_BYTES + size), port: bytes.readUInt16BE(ports + 2) },
    },
  };
}

/** Bytes of one address. */
function sizeOf(family: number | undefined): number | undefined {
  if (family === TCP4) return 4;
  return family === TCP6 ? 16 : undefined;
}

function addressAt(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  // in its short form (RFC 5952)
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Their lengths add up, and a checksum among them is right (2.2.4: it must be verified). */
function extensionsHold(header: Buffer, from: number): boolean {
  let at = from;
  while (at < header.length) {
    if (at + 3 > header.length) return false;
    const value = at + 3;
    const next = value + header.readUInt16BE(at + 1);
    if (next > header.length) return false;
    if (header[at] === CRC32C && (next - value !== 4 || !isChecksumRight(header, value))) return false;
    at = next;
  }
  return true;
}

function isChecksumRight(header: Buffer, at: number): boolean {
  const summed = Buffer.from(header).fill(0, at, at + 4);
  return crc32c(summed) === header.readUInt32BE(at);
}

/** Castagnoli (RFC 4960, appendix B), bit by bit: headers are short and few of them have one. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const octet of bytes) {
    sum ^= octet;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** For a target. Undefined endpoints, or such that are no addresses: the header says that they are not known. */
export function writeProxyHeader(version: 'v1' | 'v2', endpoints: Endpoints | undefined): Buffer {
  const from = endpoints && parseAddress(endpoints.from.address);
  const to = endpoints && parseAddress(endpoints.to.address);
  if (!endpoints || !from || !to) {
    return version === 'v1'
      ? Buffer.from('PROXY UNKNOWN\r\n')
      : Buffer.concat([V2_START, Buffer.from([LOCAL, UNSPECIFIED, 0, 0])]);
  }
  const isSix = from.length === 16 || to.length === 16;
  const ports = [endpoints.from.port, endpoints.to.port] as const;
  const addresses = [from, to].map((each) => Buffer.from(isSix ? mapped(each) : each));
  if (version === 'v1') {
    const texts = addresses.map(addressAt).join(' ');
    return Buffer.from(`PROXY TCP${isSix ? 6 : 4} ${texts} ${ports.join(' ')}\r\n`);
  }
  const rest = Buffer.alloc(4);
  rest.writeUInt16BE(ports[0], 0);
  rest.writeUInt16BE(ports[1], 2);
  const length = isSix ? 36 : 12;
  return Buffer.concat([V2_START, Buffer.from([PROXY, isSix ? TCP6 : TCP4, 0, length]), ...addresses, rest]);
}

/** An IPv4 address as one of IPv6 (RFC 4291 2.5.5.2). */
const mapped = (address: readonly number[]): readonly number[] =>
  address.length === 16 ? address : [...Array<number>(10).fill(0), 0xff, 0xff, ...address];
