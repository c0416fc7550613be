import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { readJson } from './json-body.js';

const sent = (body: Buffer, headers: Readonly<Record<string, string>>): FastifyRequest =>
  ({ body, headers: { 'content-type': 'application/json', ...headers } }) as unknown as FastifyRequest;

describe('a JSON body', () => {
  const body = Buffer.from('{"id":"/a"}');

  it.each([{}, { 'content-encoding': 'identity' }, { 'content-encoding': 'Identity' }])(
    'is read: %j',
    (headers) => expect(readJson(sent(body, headers))).toEqual({ id: '/a' }),
  );

  it.each(['gzip', 'br', 'gzip, identity'])(
    'is refused with the remedy when it is packed: %s',
    (encoding) => {
      const packed = sent(gzipSync(body), { 'content-encoding': encoding });
      for (const anyType of [false, true]) {
        expect(() => readJson(packed, { anyType })).toThrow(
          expect.objectContaining({ status: 415, message: expect.stringContaining('without this header') }),
        );
      }
    },
  );
});
