// Exit: the real code and signal, a message for people, and nothing of the task left.
import { describe, expect, it } from '@jest/globals';
import { FOREVER } from './bench.js';
import type { Bench } from './bench.js';

export function exitCases(bench: Bench, timeoutMs: number): void {
  describe('exit', () => {
    it.each([0, 1, 3, 42, 255])(
      'tells the exit code %i',
      async (code) => {
        const { taskId } = await bench.run(`exit ${code}`);
        const exit = await bench.exitOf(taskId);
        expect(exit).toMatchObject({ code, requested: false, outOfMemory: false });
        expect(exit.signal).toBeUndefined();
        expect(exit.message).toContain(`exited with code ${code}`);
        expect(await bench.observed(taskId)).toMatchObject({ state: 'ended', exit });
        expect(await bench.exitOf(taskId)).toEqual(exit);
      },
      timeoutMs,
    );

    it(
      'tells the signal, and that 137 has two readings',
      async () => {
        const { taskId } = await bench.run(`sh -c 'kill -9 $$'; exit $?`);
        const exit = await bench.exitOf(taskId);
        expect(exit).toMatchObject({ code: 137, requested: false });
        expect(exit.message).toMatch(/137/);
        expect(exit.message).toMatch(/SIGKILL/);
      },
      timeoutMs,
    );

    it(
      'ends the message of a failure with the last lines of stderr, bounded, and without the environment',
      async () => {
        const script =
          'i=0; while [ $i -lt 400 ]; do echo "line $i" >&2; i=$((i+1)); done; echo "last words" >&2; exit 3';
        const { taskId } = await bench.run(script, { env: { TOKEN: 'sesame-open' } });
        const { message } = await bench.exitOf(taskId);
        expect(message).toContain('exited with code 3');
        expect(message.trimEnd().endsWith('last words')).toBe(true);
        expect(message).not.toContain('line 0\n');
        expect(message).not.toContain('sesame-open');
        expect(Buffer.byteLength(message)).toBeLessThan(3_000);
      },
      timeoutMs,
    );

    it(
      'resolves for everybody who waits, and rejects only for the one who gave up',
      async () => {
        const { taskId } = await bench.run('sleep 0.3; exit 4');
        const impatient = new AbortController();
        const given = bench.runtime.waitForExit(taskId, impatient.signal);
        const others = [bench.exitOf(taskId), bench.exitOf(taskId)];
        impatient.abort();
        await expect(given).rejects.toBeDefined();
        for (const exit of await Promise.all(others)) expect(exit).toMatchObject({ code: 4 });
      },
      timeoutMs,
    );

    it(
      'leaves no child of a task that ended by itself',
      async () => {
        const { taskId } = await bench.run('( while :; do echo beat; sleep 0.1; done ) & sleep 0.3; exit 5');
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 5 });
        const before = await bench.log(taskId);
        await bench.halfASecond();
        expect(await bench.log(taskId)).toBe(before);
      },
      timeoutMs,
    );

    it(
      'tells every code when many end at once',
      async () => {
        const codes = Array.from({ length: 8 }, (_, index) => index + 10);
        const tasks = await Promise.all(codes.map((code) => bench.run(`exit ${code}`)));
        const exits = await Promise.all(tasks.map((task) => bench.exitOf(task.taskId)));
        expect(exits.map((exit) => exit.code)).toEqual(codes);
      },
      timeoutMs,
    );

    it(
      'frees what an ended task held, and keeps the logs of the last two of an instance',
      async () => {
        const first = await bench.run('echo 1');
        await bench.exitOf(first.taskId);
        const second = await bench.run('echo 2', {}, first.instanceId);
        await bench.exitOf(second.taskId);
        const third = await bench.run('echo 3', {}, first.instanceId);
        await bench.exitOf(third.taskId);
        const other = await bench.run(FOREVER);
        for (const { taskId } of [first, second, third]) await bench.runtime.forget(taskId, false);
        await bench.runtime.forget(first.taskId, false);

        expect((await bench.runtime.list()).map((task) => task.taskId)).toEqual([other.taskId]);
        await expect(bench.log(first.taskId)).rejects.toBeDefined();
        expect(await bench.log(second.taskId)).toBe('2\n');
        expect(await bench.log(third.taskId)).toBe('3\n');

        await bench.runtime.forget(third.taskId, true);
        await expect(bench.log(second.taskId)).rejects.toBeDefined();
        await expect(bench.log(third.taskId)).rejects.toBeDefined();
      },
      timeoutMs,
    );
  });
}
