import { describe, expect, it } from '@jest/globals';
import { asRuntimeError } from './engine-errors.js';

const said = (statusCode: number | undefined, message: string) =>
  asRuntimeError(
    { statusCode, json: { message }, message: `(HTTP code ${statusCode}) x - ${message}` },
    'start it',
  );

describe('what the engine says', () => {
  it.each([
    [500, 'driver failed …: Bind for 0.0.0.0:31005 failed: port is already allocated', 'port-taken', 31_005],
    [
      500,
      'Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use',
      'port-taken',
      8080,
    ],
    [404, 'No such image: web:1', 'image-not-found', undefined],
    [404, 'pull access denied for web, repository does not exist', 'image-not-found', undefined],
    [404, 'manifest for web:9 not found: manifest unknown', 'image-not-found', undefined],
    [400, 'invalid CapAdd: unknown capability', 'invalid', undefined],
  ] as const)('%i %s is rejected', (status, words, reason, port) => {
    expect(said(status, words)).toMatchObject({ kind: 'rejected', reason, port });
  });

  it.each([
    [404, 'network shop-net not found', 'shop-net'],
    [404, 'No such network: shop.net', 'shop.net'],
    [404, 'could not find a network matching network mode shop: network shop not found', 'shop'],
  ])('%i %s says how to make it', (status, words, network) => {
    const error = said(status, words);
    expect(error).toMatchObject({ kind: 'rejected', reason: 'invalid' });
    expect(error.message).toMatch(new RegExp(`docker network create ${network}$`));
  });

  it.each([
    [500, 'Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host'],
    [500, 'context deadline exceeded'],
    [undefined, 'connect ECONNREFUSED /var/run/docker.sock'],
  ])('%s %s may pass', (status, words) => {
    const error = said(status, words);
    expect(error.kind).toBe('temporary');
    expect(error.message).toBe(`could not start it: ${words}`);
  });
});
