// Start: it runs, it is listed, once per task id, and a taken port is found before anything was started.
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { LaunchSpec } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import { freePort } from '#libs/testkit';
import { FOREVER } from './bench.js';
import type { Bench } from './bench.js';

function listening(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '0.0.0.0' }, () => resolve(server));
  });
}

const portOf = (hostPort: number): Partial<LaunchSpec> => ({
  ports: [{ index: 0, hostPort, protocol: 'tcp' }],
  network: 'host',
});

export function startCases(bench: Bench, timeoutMs: number): void {
  describe('start', () => {
    it(
      'is usable here',
      async () => expect(await bench.runtime.health()).toMatchObject({ usable: true }),
      timeoutMs,
    );

    it(
      'resolves with the running task, and lists it with its ids and its handle',
      async () => {
        const launch = bench.launch({ cmd: FOREVER });
        const started = await bench.start(launch);
        expect(started).toMatchObject({
          taskId: launch.taskId,
          instanceId: launch.instanceId,
          appId: launch.appId,
          incarnation: 1,
          state: 'running',
        });
        expect(started.handle).toBeTruthy();
        expect(started.startedAt).toBeGreaterThan(1_600_000_000_000);
        expect(await bench.observed(launch.taskId)).toEqual(started);
      },
      timeoutMs,
    );

    it(
      'is idempotent per task id, also at the same time and after the end',
      async () => {
        const launch = bench.launch({ cmd: 'echo once; exec sleep 1000' });
        const [first, second] = await Promise.all([bench.start(launch), bench.start(launch)]);
        expect(second.handle).toBe(first.handle);
        expect((await bench.start(launch)).handle).toBe(first.handle);
        await bench.line(launch.taskId, 'once');
        await bench.runtime.stop(launch.taskId, 0);
        expect(await bench.start(launch)).toMatchObject({ state: 'ended' });
        expect(await bench.log(launch.taskId)).toBe('once\n');
      },
      timeoutMs,
    );

    it(
      'refuses a taken host port by its number, and leaves no task behind',
      async () => {
        const port = await freePort();
        const server = await listening(port);
        const launch = bench.launch({ ...portOf(port), cmd: FOREVER });
        try {
          const error = await bench.start(launch).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect(error).toBeInstanceOf(RuntimeError);
          expect(error).toMatchObject({ kind: 'rejected', reason: 'port-taken', port });
          expect(await bench.observed(launch.taskId)).toBeUndefined();
        } finally {
          await new Promise((resolve) => server.close(resolve));
        }
        expect(await bench.start(launch)).toMatchObject({ state: 'running' });
      },
      timeoutMs,
    );

    it(
      'has only tasks of its own in the list, each once',
      async () => {
        const both = [await bench.run(FOREVER), await bench.run(FOREVER)];
        const ids = (await bench.runtime.list()).map((task) => task.taskId);
        expect([...ids].sort()).toEqual(both.map((task) => task.taskId).sort());
      },
      timeoutMs,
    );
  });
}
