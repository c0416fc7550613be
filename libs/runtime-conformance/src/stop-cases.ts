// Stop: SIGTERM first, SIGKILL after the grace time, to all of the task; as often as one likes.
import { describe, expect, it } from '@jest/globals';
import { FOREVER } from './bench.js';
import type { Bench } from './bench.js';

/** Ignores SIGTERM, as do its children. */
const STUBBORN = `trap '' TERM; echo ready; while :; do sleep 0.1; done`;

export function stopCases(bench: Bench, timeoutMs: number): void {
  describe('stop', () => {
    it(
      'lets the task end by SIGTERM in its own way',
      async () => {
        const { taskId } = await bench.run(
          `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done`,
        );
        await bench.line(taskId, 'ready');
        const before = performance.now();
        await bench.runtime.stop(taskId, 30_000);
        expect(performance.now() - before).toBeLessThan(25_000);
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 0, requested: true, outOfMemory: false });
        expect(await bench.log(taskId)).toBe('ready\nbye\n');
        expect(await bench.observed(taskId)).toMatchObject({ state: 'ended' });
      },
      timeoutMs,
    );

    it(
      'ends a task without a handler by SIGTERM',
      async () => {
        const { taskId } = await bench.run(FOREVER);
        await bench.runtime.stop(taskId, 30_000);
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 143, signal: 'SIGTERM', requested: true });
      },
      timeoutMs,
    );

    it(
      'kills a task that ignores SIGTERM, not before the grace time is over',
      async () => {
        const { taskId } = await bench.run(STUBBORN);
        await bench.line(taskId, 'ready');
        const before = performance.now();
        await bench.runtime.stop(taskId, 1_000);
        expect(performance.now() - before).toBeGreaterThanOrEqual(990);
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 137, signal: 'SIGKILL', requested: true });
      },
      timeoutMs,
    );

    it(
      'kills the children too, those that ignore SIGTERM included',
      async () => {
        const { taskId } = await bench.run(
          `( trap '' TERM; echo ready; while :; do echo beat; sleep 0.1; done ) & wait`,
        );
        await bench.line(taskId, 'ready');
        await bench.runtime.stop(taskId, 300);
        const before = await bench.log(taskId);
        await bench.halfASecond();
        expect(await bench.log(taskId)).toBe(before);
      },
      timeoutMs,
    );

    it(
      'is idempotent: twice, at once, after the end, and for a task it never saw',
      async () => {
        const { taskId } = await bench.run(FOREVER);
        await Promise.all([bench.runtime.stop(taskId, 5_000), bench.runtime.stop(taskId, 5_000)]);
        await bench.runtime.stop(taskId, 5_000);
        expect(await bench.exitOf(taskId)).toMatchObject({ requested: true });
        await bench.runtime.stop(bench.launch({ cmd: FOREVER }).taskId, 5_000);
      },
      timeoutMs,
    );

    it(
      'can be hurried by a second stop with less grace',
      async () => {
        const { taskId } = await bench.run(STUBBORN);
        await bench.line(taskId, 'ready');
        const patient = bench.runtime.stop(taskId, 600_000);
        await bench.runtime.stop(taskId, 0);
        await patient;
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 137, requested: true });
      },
      timeoutMs,
    );

    it(
      'does not call an exit requested that happened before the stop',
      async () => {
        const { taskId } = await bench.run('exit 6');
        await bench.exitOf(taskId);
        await bench.runtime.stop(taskId, 100);
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 6, requested: false });
      },
      timeoutMs,
    );
  });
}
