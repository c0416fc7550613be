import { describe, expect, it } from '@jest/globals';
import { connectionsWithin, fileLimit, filesFor, roomFor } from './file-limit.js';

describe('the limit of open files', () => {
  it('is that of this process, and leaves at least one connection', () => {
    expect(fileLimit()).toBeGreaterThan(0);
    expect(connectionsWithin(1_024)).toBe(672);
    expect(connectionsWithin(10)).toBe(1);
  });

  it('bounds connections without a word when there is plenty, or when it is what was asked for', () => {
    expect(roomFor(65_536, undefined)).toEqual({ most: 49_056 });
    expect(roomFor(1_024, 448)).toEqual({ most: 448 });
    expect(filesFor(448)).toBe(1_024);
    expect(roomFor(undefined, undefined)).toEqual({});
    expect(roomFor(undefined, 10)).toEqual({ most: 10 });
  });

  it('is told with its remedy when it is low', () => {
    const low = roomFor(1_024, undefined);
    expect(low.most).toBe(672);
    expect(low.warning).toMatch(/is 1024, .*room for 672 .*LimitNOFILE=65536 .*--max-connections/);
  });

  it('is told when it is too low for what was asked for, with what that needs', () => {
    expect(roomFor(4_096, 20_000)).toEqual({
      most: 2_976,
      warning: expect.stringMatching(/is 4096, and 20000 .*need 40128: beyond 2976 .*LimitNOFILE=40128/),
    });
    expect(roomFor(1_023, 448)).toMatchObject({ most: 448, warning: expect.stringMatching(/1024/) });
  });
});
