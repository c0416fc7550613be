import { describe, expect, it } from '@jest/globals';
import { counted } from './words.js';

describe('a number and what it counts', () => {
  it('is plural for all but 1', () => {
    expect([0, 1, 2].map((count) => counted(count, 'agent'))).toEqual(['0 agents', '1 agent', '2 agents']);
    expect([0, 1, 2].map((count) => counted(count, 'proxy waits', 'proxies wait'))).toEqual([
      ...['0 proxies wait', '1 proxy waits', '2 proxies wait'],
    ]);
  });
});
