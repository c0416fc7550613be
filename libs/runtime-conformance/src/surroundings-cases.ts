// What a task and its COMMAND checks find around them: environment, arguments, folder.
import { describe, expect, it } from '@jest/globals';
import { FOREVER } from './bench.js';
import type { Bench, ConformanceOptions } from './bench.js';

/** Set by a shell, by the runtime or by every image; anything else that was not asked for is a leak of the agent's own. */
const ALLOWED = [
  'PATH',
  'HOME',
  'HOSTNAME',
  'MESOS_SANDBOX',
  'MESOS_DIRECTORY',
  'PWD',
  'SHLVL',
  '_',
  'OLDPWD',
];

export function surroundingsCases(bench: Bench, timeoutMs: number, options: ConformanceOptions): void {
  describe('surroundings', () => {
    it(
      'gives exactly the environment of the spec, awkward values included, and never the agent’s own',
      async () => {
        process.env['AGENT_SECRET'] = 'must-not-leak';
        const env = {
          GREETING: 'two words',
          QUOTED: `it's "$HOME" \\ *`,
          EMPTY: '',
          record: 'r',
          status: 's',
        };
        const { taskId } = await bench.run('env', { env });
        await bench.exitOf(taskId);
        delete process.env['AGENT_SECRET'];
        const seen = Object.fromEntries(
          (await bench.log(taskId))
            .trimEnd()
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        );
        expect(seen).toMatchObject(env);
        expect(seen['PATH']).toContain('/bin');
        const allowed = [...ALLOWED, ...(options.extraEnvironment ?? []), ...Object.keys(env)];
        expect(Object.keys(seen).filter((key) => !allowed.includes(key))).toEqual([]);
      },
      timeoutMs,
    );

    it(
      'runs cmd through a shell',
      async () => {
        const { taskId } = await bench.run('A=1; [ "$A" = 1 ] && echo "$WHO" | cat', { env: { WHO: 'me' } });
        await bench.exitOf(taskId);
        expect(await bench.log(taskId)).toBe('me\n');
      },
      timeoutMs,
    );

    it(
      'runs args without a shell: nothing is split or expanded',
      async () => {
        const launch = bench.launch({ args: ['printf', '%s|', 'a b', '$HOME', '*', '', `'`] });
        await bench.start(launch);
        expect(await bench.exitOf(launch.taskId)).toMatchObject({ code: 0 });
        expect(await bench.log(launch.taskId)).toBe(`a b|$HOME|*||'|`);
      },
      timeoutMs,
    );

    it(
      'gives no input to read',
      async () => {
        const { taskId } = await bench.run('cat; echo end');
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 0 });
        expect(await bench.log(taskId)).toBe('end\n');
      },
      timeoutMs,
    );

    it(
      'executes a check in the surroundings of the task: environment, folder, exit code and output',
      async () => {
        const { taskId } = await bench.run(`echo here > mark; echo ready; ${FOREVER}`, {
          env: { WHO: 'me' },
        });
        await bench.line(taskId, 'ready');
        const fine = await bench.runtime.execute(taskId, 'echo "$WHO"; cat mark', 10_000);
        expect(fine).toEqual({ code: 0, output: 'me\nhere\n' });
        const bad = await bench.runtime.execute(taskId, 'echo oops >&2; exit 3', 10_000);
        expect(bad).toEqual({ code: 3, output: 'oops\n' });
      },
      timeoutMs,
    );

    it(
      'ends a check that takes too long, and the task lives on',
      async () => {
        const { taskId, observed } = await bench.run(FOREVER);
        const before = performance.now();
        expect(await bench.runtime.execute(taskId, 'sleep 600', 300)).toMatchObject({ code: null });
        expect(performance.now() - before).toBeLessThan(timeoutMs / 2);
        expect(await bench.observed(taskId)).toMatchObject({ state: 'running', handle: observed.handle });
      },
      timeoutMs,
    );
  });
}
