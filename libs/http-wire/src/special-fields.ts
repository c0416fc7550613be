// The few header fields that a forwarder of HTTP/1.1 must understand, whatever case they are written in.

/** 0 is every other field. */
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const PROXY_CONNECTION = 5;
export const UPGRADE = 6;
export const EXPECT = 7;
export const TRAILER = 8;
export const TE = 9;
/**
 * `Content_Length` and its like: gateways of the CGI family turn `-` and `_` into the same variable, so that a task may frame by a
 * field that nobody on the way has looked at.
 */
export const DISGUISED = 10;

const octetsOf = (name: string): Uint8Array => Uint8Array.from(Buffer.from(name, 'latin1'));
const NAMES = {
  host: octetsOf('host'),
  contentLength: octetsOf('content-length'),
  transferEncoding: octetsOf('transfer-encoding'),
  connection: octetsOf('connection'),
  proxyConnection: octetsOf('proxy-connection'),
  upgrade: octetsOf('upgrade'),
  expect: octetsOf('expect'),
  trailer: octetsOf('trailer'),
  te: octetsOf('te'),
};
const UNDERSCORE = 95;

/** Which of them the name at `from` up to `to` is. The length decides for nearly every field that is none of them. */
export function specialField(data: Buffer, from: number, to: number): number {
  switch (to - from) {
    case 2:
      return is(data, from, NAMES.te) ? TE : 0;
    case 4:
      return is(data, from, NAMES.host) ? HOST : 0;
    case 6:
      return is(data, from, NAMES.expect) ? EXPECT : 0;
    case 7:
      if (is(data, from, NAMES.upgrade)) return UPGRADE;
      return is(data, from, NAMES.trailer) ? TRAILER : 0;
    case 10:
      return is(data, from, NAMES.connection) ? CONNECTION : 0;
    case 14:
      return framing(data, from, NAMES.contentLength, CONTENT_LENGTH);
    case 16:
      return is(data, from, NAMES.proxyConnection) ? PROXY_CONNECTION : 0;
    case 17:
      return framing(data, from, NAMES.transferEncoding, TRANSFER_ENCODING);
    default:
      return 0;
  }
}

/** `name` is lower-case letters and `-`; 0x20 is the bit between the cases, and `-` has it set. */
function is(data: Buffer, from: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i += 1) if (((data[from + i] as number) | 0x20) !== name[i]) return false;
  // CR (0x0d) is no tchar, so nothing but `-` itself becomes `-`
  return true;
}

function framing(data: Buffer, from: number, name: Uint8Array, special: number): number {
  let disguised = false;
  for (let i = 0; i < name.length; i += 1) {
    const octet = data[from + i] as number;
    if ((octet | 0x20) === name[i]) continue;
    if (octet !== UNDERSCORE || name[i] !== 45) return 0;
    disguised = true;
  }
  return disguised ? DISGUISED : special;
}
