// Adoption: a new Runtime over the same data finds every task again, running or ended meanwhile.
import { describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { FOREVER } from './bench.js';
import type { Bench } from './bench.js';

const LIFE_MS = 400;

export function adoptionCases(bench: Bench, timeoutMs: number): void {
  describe('adoption', () => {
    it(
      'finds a running task again: the same handle, the same start; and can stop it',
      async () => {
        const { taskId, observed } = await bench.run(
          `trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done`,
        );
        await bench.line(taskId, 'ready');
        await bench.reopen();
        expect(await bench.observed(taskId)).toEqual(observed);
        await bench.runtime.stop(taskId, 10_000);
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 9, requested: true });
      },
      timeoutMs,
    );

    it(
      'knows the real exit of a task that ended while nobody looked',
      async () => {
        const { taskId } = await bench.run(`sleep ${LIFE_MS / 1_000}; echo late >&2; exit 7`);
        const began = performance.now();
        await bench.reopen(async () => {
          await until('the end of the task', () => performance.now() > began + 3 * LIFE_MS);
        });
        expect(await bench.observed(taskId)).toMatchObject({ state: 'ended', exit: { code: 7 } });
        const exit = await bench.exitOf(taskId);
        expect(exit).toMatchObject({ code: 7, requested: false });
        expect(exit.message).toContain('late');
      },
      timeoutMs,
    );

    it(
      'sees the exit of an adopted task when it comes',
      async () => {
        const { taskId } = await bench.run('echo ready; until [ -e go ]; do sleep 0.05; done; exit 11');
        await bench.line(taskId, 'ready');
        await bench.reopen();
        const exit = bench.exitOf(taskId);
        expect(await bench.runtime.execute(taskId, 'touch go', 10_000)).toMatchObject({ code: 0 });
        expect(await exit).toMatchObject({ code: 11 });
      },
      timeoutMs,
    );

    it(
      'still has what ended before, with its exit and its logs, until it is forgotten',
      async () => {
        const { taskId } = await bench.run('echo words; exit 2');
        const exit = await bench.exitOf(taskId);
        await bench.reopen();
        expect(await bench.observed(taskId)).toMatchObject({ state: 'ended', exit });
        expect(await bench.log(taskId)).toBe('words\n');
        await bench.runtime.forget(taskId, false);
        await bench.reopen();
        expect(await bench.observed(taskId)).toBeUndefined();
      },
      timeoutMs,
    );

    it(
      'does not start an adopted task a second time',
      async () => {
        const launch = bench.launch({ cmd: FOREVER });
        const { handle } = await bench.start(launch);
        await bench.reopen();
        expect((await bench.runtime.start(launch)).handle).toBe(handle);
      },
      timeoutMs,
    );
  });
}
