import { describe, expect, it } from '@jest/globals';
import {
  duration,
  integer,
  isFieldValue,
  isToken,
  rate,
  redirectTarget,
  shown,
  size,
  truth,
  urlPath,
} from './values.js';

describe('values of labels', () => {
  it('times are in ms, seconds without a unit', () => {
    const time = duration(10, 86_400_000);
    expect(['500ms', '30', '1.5s', '2m', '1h', '1d', '10 s'].map((each) => time.read(each))).toEqual([
      500, 30_000, 1_500, 120_000, 3_600_000, 86_400_000, 10_000,
    ]);
    for (const wrong of ['5ms', '2d', '-1s', '1 week', 'x', '1e3', '0x10', '1,5s', '', 'NaN'])
      expect([wrong, time.read(wrong)]).toEqual([wrong, undefined]);
    expect(time.allowed).toBe('a time from 10ms to 1d, such as 500ms, 30s or 5m');
  });

  it('sizes are in bytes', () => {
    const bytes = size(0, 2 ** 40);
    expect(['0', '65536', '64k', '64KiB', '64kB', '1.5MiB', '1g'].map((each) => bytes.read(each))).toEqual([
      0, 65_536, 65_536, 65_536, 64_000, 1_572_864, 1_073_741_824,
    ]);
    for (const wrong of ['-1', '5 apples', '1TiB', '2000GiB', '1e9'])
      expect(bytes.read(wrong)).toBeUndefined();
  });

  it('rates are per second', () => {
    expect(['100', '100/s', '600/m', '1800 / h'].map((each) => rate.read(each))).toEqual([100, 100, 10, 0.5]);
    for (const wrong of ['0', '-5', '5/d', '2000000', 'x/s']) expect(rate.read(wrong)).toBeUndefined();
  });

  it('numbers, words and paths are what they say', () => {
    expect(integer(1, 10).read('10')).toBe(10);
    for (const wrong of ['0', '11', '1.5', '1e1', ' ']) expect(integer(1, 10).read(wrong)).toBeUndefined();
    expect(['true', 'T', 'Yes', 'y', '1', 'on'].map((each) => truth.read(each))).not.toContain(false);
    expect(['false', 'no', '0'].map((each) => truth.read(each))).toEqual([false, false, false]);
    expect(truth.read('maybe')).toBeUndefined();
    expect(['/', '/a/', '/a//b'].map((each) => urlPath.read(each))).toEqual(['/', '/a', '/a//b']);
    for (const wrong of ['a', '/a b', '/a?b', '/a#b', '/a\r\nX: y', '/ä'])
      expect(urlPath.read(wrong)).toBeUndefined();
    expect(redirectTarget.read('https://www.example/x?y')).toBe('https://www.example/x?y');
    // a browser takes //evil for another host
    for (const wrong of ['//evil', 'javascript:1', '/a b', '/a\nb', 'http:///x'])
      expect(redirectTarget.read(wrong)).toBeUndefined();
  });

  it('names and values of headers hold nothing that ends a line', () => {
    expect(isToken('x-team')).toBe(true);
    for (const wrong of ['', 'a b', 'a:b', 'a\n', 'ä']) expect(isToken(wrong)).toBe(false);
    expect(isFieldValue('a\tb; c="d"')).toBe(true);
    for (const wrong of ['a\r\nb', 'a\0', 'ä€']) expect(isFieldValue(wrong)).toBe(false);
  });

  it('are shown short and on one line', () => {
    expect(shown('a\r\nb')).toBe('"a b"');
    expect(shown('x'.repeat(100))).toHaveLength(63);
  });
});
