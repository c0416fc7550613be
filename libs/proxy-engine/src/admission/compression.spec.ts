import { describe, expect, it } from '@jest/globals';
import { compressorFor, encodingFor } from './compression.js';

describe('compression', () => {
  it.each([
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['identity', undefined],
    ['gzip;q=0', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('for a client that takes %j: %s', (header, encoding) => {
    expect(encodingFor(header)).toBe(encoding);
  });

  it('changes the head of what gains by it', () => {
    const headers = [
      'Content-Type',
      'text/html; charset=utf-8',
      'Content-Length',
      '5000',
      'ETag',
      '"a"',
      'Accept-Ranges',
      'bytes',
    ];
    expect(compressorFor('gzip', 200, headers)?.constructor.name).toBe('Gzip');
    expect(headers).toEqual([
      'Content-Type',
      'text/html; charset=utf-8',
      'ETag',
      'W/"a"',
      'Vary',
      'Accept-Encoding',
      'Content-Encoding',
      'gzip',
    ]);
  });

  it.each<[string, number, string[]]>([
    ['an image', 200, ['content-type', 'image/png']],
    ['no type', 200, []],
    ['an event stream', 200, ['content-type', 'text/event-stream']],
    ['a short one', 200, ['content-type', 'text/plain', 'content-length', '100']],
    ['compressed already', 200, ['content-type', 'text/plain', 'content-encoding', 'br']],
    ['not to be changed', 200, ['content-type', 'text/plain', 'cache-control', 'public, no-transform']],
    ['a part', 206, ['content-type', 'text/plain']],
    ['nothing new', 304, ['content-type', 'text/plain']],
  ])('leaves %s alone', (_name, status, headers) => {
    expect(compressorFor('br', status, headers)).toBeUndefined();
    expect(headers).not.toContain('Content-Encoding');
  });
});
