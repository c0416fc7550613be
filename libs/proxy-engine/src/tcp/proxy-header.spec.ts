import { describe, expect, it } from '@jest/globals';
import { crc32c, readProxyHeader, writeProxyHeader, type Endpoints } from './proxy-header.js';

const four: Endpoints = {
  from: { address: '192.0.2.7', port: 51_000 },
  to: { address: '198.51.100.1', port: 443 },
};
const six: Endpoints = {
  from: { address: '2001:db8::7', port: 1 },
  to: { address: '2001:db8::1', port: 65_535 },
};
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Version 2 with these bytes behind the signature; the length is counted. */
const v2 = (command: number, family: number, ...rest: (Buffer | number[])[]): Buffer => {
  const body = Buffer.concat(rest.map((each) => Buffer.from(each)));
  return Buffer.concat([
    SIGNATURE,
    Buffer.from([command, family, body.length >> 8, body.length & 255]),
    body,
  ]);
};
const ADDRESSES = [192, 0, 2, 7, 198, 51, 100, 1, 0xc7, 0x38, 1, 0xbb];

describe('PROXY headers', () => {
  it.each([
    ['version 1', 'v1', four],
    ['version 1 of IPv6', 'v1', six],
    ['version 2', 'v2', four],
    ['version 2 of IPv6', 'v2', six],
  ] as const)('%s: what is written is read, whole and byte by byte', (_name, version, endpoints) => {
    const header = writeProxyHeader(version, endpoints);
    const bytes = Buffer.concat([header, Buffer.from('GET /')]);
    expect(readProxyHeader(bytes)).toEqual({ kind: 'header', end: header.length, endpoints });
    for (let length = 0; length < header.length; length += 1)
      expect([length, readProxyHeader(bytes.subarray(0, length)).kind]).toEqual([length, 'more']);
  });

  it('are the bytes of the specification', () => {
    expect(writeProxyHeader('v1', four).toString()).toBe('PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n');
    expect(writeProxyHeader('v2', four)).toEqual(v2(0x21, 0x11, ADDRESSES));
    expect(writeProxyHeader('v1', undefined).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(readProxyHeader(writeProxyHeader('v2', undefined))).toEqual({ kind: 'header', end: 16 });
    // of two families both are told as IPv6
    expect(writeProxyHeader('v1', { from: four.from, to: six.to }).toString()).toBe(
      'PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 51000 65535\r\n',
    );
    // a listener for both families names IPv4 clients so
    const dual = {
      from: { address: '::ffff:192.0.2.7', port: 5 },
      to: { address: '::ffff:192.0.2.8', port: 6 },
    };
    expect(writeProxyHeader('v1', dual).toString()).toBe('PROXY TCP4 192.0.2.7 192.0.2.8 5 6\r\n');
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('of health checks and unknown clients name nobody', () => {
    for (const text of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'])
      expect(readProxyHeader(Buffer.from(text))).toEqual({ kind: 'header', end: text.length });
    expect(readProxyHeader(v2(0x20, 0x11, ADDRESSES))).toEqual({ kind: 'header', end: 28 });
    expect(readProxyHeader(v2(0x21, 0x00))).toEqual({ kind: 'header', end: 16 });
  });

  it('may carry extensions, whose checksum must be right', () => {
    const authority = Buffer.from([0x02, 0, 3, 0x61, 0x62, 0x63]);
    expect(readProxyHeader(v2(0x21, 0x11, ADDRESSES, authority))).toMatchObject({ kind: 'header', end: 34 });
    const unsummed = v2(0x21, 0x11, ADDRESSES, authority, [0x03, 0, 4, 0, 0, 0, 0]);
    const summed = Buffer.from(unsummed);
    summed.writeUInt32BE(crc32c(unsummed), summed.length - 4);
    expect(readProxyHeader(summed).kind).toBe('header');
    summed[20] = 1;
    expect(readProxyHeader(summed).kind).toBe('bad');
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['lower case', 'proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n'],
    ['two blanks', 'PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n'],
    ['a bare LF', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n'],
    ['an octal address', 'PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 fe80::2 1 1\r\n'],
    ['the other family', 'PROXY TCP4 ::1 ::1 1 1\r\n'],
    ['a port too high', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'],
    ['a port with a zero in front', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 080\r\n'],
    ['something behind', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n'],
    ['UDP', 'PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n'],
    ['a line without end', `PROXY UNKNOWN ${'x'.repeat(100)}`],
    ['another version', v2(0x31, 0x11, ADDRESSES)],
    ['another command', v2(0x22, 0x11, ADDRESSES)],
    ['datagrams', v2(0x21, 0x12, ADDRESSES)],
    ['a local socket', v2(0x21, 0x31, Buffer.alloc(216))],
    ['too few bytes for its addresses', v2(0x21, 0x11, ADDRESSES.slice(0, 11))],
    ['an extension cut off', v2(0x21, 0x11, ADDRESSES, [0x02, 0, 9, 1])],
    ['a head of an extension cut off', v2(0x21, 0x11, ADDRESSES, [0x02, 0])],
    ['more than anybody sends', v2(0x21, 0x11, Buffer.alloc(5_000))],
  ])('are refused: %s', (_name, given) => {
    expect(readProxyHeader(Buffer.isBuffer(given) ? given : Buffer.from(given)).kind).toBe('bad');
  });
});
