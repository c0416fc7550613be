// Every promise through seeds of the simulator: fixed ones, and others each time. A seed that fails is told with its story; it is run
// again by `npm run simulate -- --seed S --trace`. And three planted defects, for a net that catches nothing looks the same as no fish.
import { describe, expect, it } from '@jest/globals';
import { expectWell, runScript } from './simulate.js';

/** ms; about two seconds of one core for a seed, and there are slow machines on which others go first. */
const MANY_SEEDS_MS = 35 * 60_000;
const FEW_SEEDS_MS = 15 * 60_000;

describe('the promises', () => {
  it(
    'hold in 190 fixed seeds, in which each kind of event occurs',
    async () => {
      const end = await runScript('simulate', '--seeds', '190', '--first', '1');
      expectWell(end);
      expect(end.stdout).toContain('190 seeds passed, 0 failed');
      // a world in which nothing happens breaks nothing
      const counts = new Map(
        [...end.stdout.matchAll(/^ {2}(\S.*?) +(\d+)$/gm)].map(([, what, many]) => [what, Number(many)]),
      );
      for (const what of [
        'commits',
        'launches',
        'stops',
        'offices',
        'tables',
        'requests answered',
        'choices by shares',
      ]) {
        expect([what, (counts.get(what) ?? 0) > 300]).toEqual([what, true]);
      }
    },
    MANY_SEEDS_MS,
  );

  it(
    'hold in 12 fresh seeds',
    async () => {
      const end = await runScript('simulate', '--seeds', '12');
      expectWell(end);
      expect(end.stderr).toMatch(/^seeds from \d+ on/m);
      expect(end.stdout).toContain('12 seeds passed, 0 failed');
    },
    MANY_SEEDS_MS,
  );

  it(
    'are missed by three planted defects, and the simulator says so',
    async () => {
      const end = await runScript('mutants', '--quick', '--seeds', '100');
      expectWell(end);
      expect(end.stdout).toContain('3 mutants caught, 0 not');
    },
    MANY_SEEDS_MS,
  );
});

describe('npm run simulate', () => {
  it(
    'has the same log in each replay of a seed, in whatever thread and process',
    async () => {
      expectWell(
        await runScript('simulate', '--seeds', '2', '--first', '7', '--replays', '2', '--jobs', '2'),
      );
      const logOf = async (): Promise<string> => {
        const { stdout } = await runScript('simulate', '--seed', '7', '--trace');
        return stdout
          .split('\n')
          .filter((line) => /^\d\d:\d\d/.test(line))
          .join('\n');
      };
      const [first, second] = await Promise.all([logOf(), logOf()]);
      expect(first.length).toBeGreaterThan(10_000);
      expect(second).toBe(first);
    },
    FEW_SEEDS_MS,
  );

  it(
    'refuses an option that it does not know, and a file that is no scenario, with 2',
    async () => {
      const unknown = await runScript('simulate', '--sedes', '4');
      expect([unknown.status, unknown.stderr]).toEqual([
        2,
        expect.stringContaining('unknown option --sedes'),
      ]);
      const wrong = await runScript('simulate', '--scenario', 'package.json');
      expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('it is not a scenario')]);
      const mutant = await runScript('mutants', '--only', 'no-such-defect');
      expect([mutant.status, mutant.stderr]).toEqual([2, expect.stringContaining('no mutant is called')]);
    },
    FEW_SEEDS_MS,
  );
});
