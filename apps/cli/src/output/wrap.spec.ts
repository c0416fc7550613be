import { describe, expect, it } from '@jest/globals';
import { fitting, WIDTH, wrapped } from './wrap.js';

const LONG = Array.from({ length: 40 }, (_, at) => `word${at}`).join(' ');

describe('lines of a terminal', () => {
  it('are broken at spaces, and go on where the indent says', () => {
    const lines = wrapped(LONG, '    ');
    expect(Math.max(...lines.map((each) => each.length))).toBeLessThanOrEqual(WIDTH);
    expect(lines.slice(1).every((each) => each.startsWith('    word'))).toBe(true);
    expect(lines.map((each) => each.trim()).join(' ')).toBe(LONG);
  });

  it('keep a word that is longer than a line whole', () => {
    const word = 'x'.repeat(2 * WIDTH);
    expect(wrapped(`a ${word} b`, '')).toEqual(['a', word, 'b']);
  });

  it('stay as they are when they fit, with their spaces', () => {
    expect(fitting(['a   b', `  ${LONG}`])).toEqual(['a   b', ...wrapped(`  ${LONG}`, '    ')]);
  });
});
