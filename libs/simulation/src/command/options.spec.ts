import { describe, expect, it } from '@jest/globals';
import { readOptions, USAGE, UsageError } from './options.js';

const HERE = { now: 1_700_000_123_000, cores: 4 };
const read = (line: string): ReturnType<typeof readOptions> =>
  readOptions(line.split(' ').filter(Boolean), HERE);

describe('the options of npm run simulate', () => {
  it('are a hundred fresh seeds on all cores, when nothing is said', () => {
    expect(read('')).toEqual({
      seeds: 100,
      first: 700_000_123,
      seed: null,
      scenario: null,
      replays: 1,
      jobs: 4,
      minutes: null,
      failsFast: false,
      shrinks: true,
      traces: false,
      asJson: false,
    });
  });

  it('begin with another seed at another time', () => {
    expect(readOptions([], { ...HERE, now: HERE.now + 5000 })?.first).toBe(700_000_128);
  });

  it('are taken with a space or an equals sign', () => {
    expect(read('--seeds 7 --first=12 --jobs 2 --fail-fast --no-shrink --json')).toMatchObject({
      seeds: 7,
      first: 12,
      jobs: 2,
      failsFast: true,
      shrinks: false,
      asJson: true,
    });
    expect(read('--seed any-text --trace --replays 100')).toMatchObject({
      seeds: 1,
      seed: 'any-text',
      traces: true,
      replays: 100,
    });
    expect(read('--scenario a.json')).toMatchObject({ seeds: 1, scenario: 'a.json' });
  });

  it('run as many seeds as there are minutes for, unless a number is given', () => {
    expect(read('--minutes 0.5')).toMatchObject({ minutes: 0.5, seeds: Number.MAX_SAFE_INTEGER });
    expect(read('--minutes 5 --seeds 9')).toMatchObject({ minutes: 5, seeds: 9 });
  });

  it('are all told by the help', () => {
    expect(read('--seeds 1 --help')).toBeNull();
    for (const name of ['seeds', 'first', 'seed', 'scenario', 'replays', 'trace', 'jobs', 'minutes']) {
      expect(USAGE).toContain(`--${name} `);
    }
  });

  it.each([
    ['--seed', 'needs a value'],
    ['--sedes 4', 'unknown option --sedes'],
    ['4', 'unknown option 4'],
    ['--seeds 0', 'a whole number from 1 on'],
    ['--seeds 1e3', 'a whole number'],
    ['--first -1', 'a whole number from 0 on'],
    ['--jobs two', 'a whole number'],
    ['--minutes 0', 'above 0'],
    ['--minutes x', 'above 0'],
    ['--seeds 3 --seeds 4', 'given twice'],
    ['--trace', 'needs --seed or --scenario'],
    ['--json=yes', 'takes no value'],
    ['--seed 1 --scenario a.json', 'exclude each other'],
    ['--seed 1 --seeds 4', '--seeds does not go with --seed'],
    ['--scenario a --first 4', '--first does not go with --scenario'],
  ])('refuse %s', (line, text) => {
    expect(() => read(line)).toThrow(UsageError);
    expect(() => read(line)).toThrow(text);
  });
});
