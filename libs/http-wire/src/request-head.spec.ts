// The reader of request heads: what it gives of a good one, and that it never needs the head in one piece.
import { describe, expect, it } from '@jest/globals';
import { readRequestHead } from './request-head.js';

const LIMITS = { headBytes: 16_384, targetBytes: 8_192, lines: 100 };
const GOOD =
  'POST /a/b?c=d|e HTTP/1.1\r\nHost: web.example:8080\r\nX-Twice: 1\r\nx-twice:   2 \t\r\nConnection: X-Hop, keep-alive\r\n' +
  'Content-Length: 12\r\nX-Empty:\r\nX-Latin: caf\xe9\r\n\r\n';
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('a request head', () => {
  it('is read with its lines as sent, its framing and its end', () => {
    const data = bytes(`junk${GOOD}body`);
    expect(readRequestHead(data, 4, LIMITS)).toEqual({
      kind: 'head',
      head: {
        method: 'POST',
        target: '/a/b?c=d|e',
        lines: [
          ...['Host', 'web.example:8080', 'X-Twice', '1', 'x-twice', '2', 'Connection', 'X-Hop, keep-alive'],
          ...['Content-Length', '12', 'X-Empty', '', 'X-Latin', 'caf\xe9'],
        ],
        host: 'web.example:8080',
        framing: { kind: 'length', bytes: 12 },
        keepAlive: true,
        connectionNames: ['x-hop'],
        end: 4 + GOOD.length,
      },
    });
  });

  it('wants more at every border inside it, and one octet may make it too long', () => {
    for (let cut = 0; cut < GOOD.length; cut += 1) {
      expect(readRequestHead(bytes(GOOD.slice(0, cut)), 0, LIMITS)).toEqual({ kind: 'more' });
    }
    const exact = { ...LIMITS, headBytes: GOOD.length };
    expect(readRequestHead(bytes(GOOD), 0, exact).kind).toBe('head');
    expect(readRequestHead(bytes(GOOD), 0, { ...exact, headBytes: GOOD.length - 1 })).toMatchObject({
      kind: 'bad',
      status: 431,
    });
  });

  it('says bad as soon as it can, not when the head is whole', () => {
    const early: [string, number][] = [
      ['\x16\x03\x01', 400],
      ['GET /\x00', 400],
      ['GET / HTTP/1.1\n', 400],
      ['GET / HTTP/1.1\r\nHost: a\nX', 400],
      ['GET / HTTP/1.1\r\nHost : a', 400],
      [`GET /${'a'.repeat(8_192)}`, 414],
    ];
    for (const [text, status] of early) {
      expect([text, readRequestHead(bytes(text), 0, LIMITS)]).toMatchObject([text, { kind: 'bad', status }]);
    }
  });
});
