// Logs: two streams, read from any byte, in pieces, from the end, and after the end of the task.
import { describe, expect, it } from '@jest/globals';
import { FOREVER } from './bench.js';
import type { Bench } from './bench.js';

export function logCases(bench: Bench, timeoutMs: number): void {
  describe('logs', () => {
    it(
      'keeps stdout and stderr apart',
      async () => {
        const { taskId } = await bench.run('echo out; echo err >&2');
        await bench.exitOf(taskId);
        expect(await bench.log(taskId)).toBe('out\n');
        expect(await bench.log(taskId, 'stderr')).toBe('err\n');
      },
      timeoutMs,
    );

    it(
      'reads from an offset in pieces, each with the offset of the next',
      async () => {
        const { taskId } = await bench.run('printf 0123456789');
        await bench.exitOf(taskId);
        const { runtime } = bench;
        expect(await runtime.readLog(taskId, 'stdout', 0, 4)).toEqual({ text: '0123', next: 4 });
        expect(await runtime.readLog(taskId, 'stdout', 4, 4)).toEqual({ text: '4567', next: 8 });
        expect(await runtime.readLog(taskId, 'stdout', 8, 4)).toEqual({ text: '89', next: 10 });
        expect(await runtime.readLog(taskId, 'stdout', 10, 4)).toEqual({ text: '', next: 10 });
      },
      timeoutMs,
    );

    it(
      'reads from the end with a negative offset, from the start if there is less',
      async () => {
        const { taskId } = await bench.run('printf 0123456789');
        await bench.exitOf(taskId);
        const { runtime } = bench;
        expect(await runtime.readLog(taskId, 'stdout', -3, 100)).toEqual({ text: '789', next: 10 });
        expect(await runtime.readLog(taskId, 'stdout', -100, 4)).toEqual({ text: '0123', next: 4 });
      },
      timeoutMs,
    );

    it(
      'gives nothing beyond the end, and what comes later from there on',
      async () => {
        const { taskId } = await bench.run(
          `echo one; until [ -e go ]; do sleep 0.05; done; echo two; ${FOREVER}`,
        );
        await bench.line(taskId, 'one');
        expect((await bench.runtime.readLog(taskId, 'stdout', 5_000, 100)).text).toBe('');
        const { next } = await bench.runtime.readLog(taskId, 'stdout', 0, 100);
        await bench.runtime.execute(taskId, 'touch go', 10_000);
        await bench.line(taskId, 'two');
        expect(await bench.runtime.readLog(taskId, 'stdout', next, 100)).toEqual({ text: 'two\n', next: 8 });
      },
      timeoutMs,
    );

    it(
      'does not cut a character in two',
      async () => {
        const { taskId } = await bench.run(`printf 'aé€b'`);
        await bench.exitOf(taskId);
        const pieces: string[] = [];
        for (let from = 0; ;) {
          const { text, next } = await bench.runtime.readLog(taskId, 'stdout', from, 4);
          if (!text) break;
          pieces.push(text);
          from = next;
        }
        expect(pieces.join('')).toBe('aé€b');
      },
      timeoutMs,
    );

    it(
      'rejects for a task it does not know',
      async () => {
        const { taskId } = bench.launch({ cmd: FOREVER });
        await expect(bench.runtime.readLog(taskId, 'stdout', 0, 10)).rejects.toBeDefined();
      },
      timeoutMs,
    );

    it(
      'drops output on demand and says so, and the task lives on',
      async () => {
        const { taskId } = await bench.run(`while :; do echo beat; sleep 0.05; done`);
        await bench.line(taskId, 'beat');
        bench.runtime.dropOutput(true);
        try {
          await bench.halfASecond();
          expect(await bench.observed(taskId)).toMatchObject({ state: 'running' });
          expect((await bench.runtime.health()).warnings.join('\n')).toMatch(/output/i);
        } finally {
          bench.runtime.dropOutput(false);
        }
        expect((await bench.runtime.health()).usable).toBe(true);
      },
      timeoutMs,
    );
  });
}
