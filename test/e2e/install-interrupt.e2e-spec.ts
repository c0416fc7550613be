// Ctrl-C while `longrun up` is still starting: it ends soon, and nothing runs on, not even what an earlier run left running on purpose.
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { LongrunUp } from './longrun-up.js';
import { pidsOfTask } from './task-processes.js';

describe('longrun up, interrupted while it starts', () => {
  let up: LongrunUp | undefined;
  afterEach(async () => {
    await up?.dispose();
    up = undefined;
  }, 120_000);

  it.each(['starting PostgreSQL', 'PostgreSQL is up', 'control plane: ', 'proxy: '])(
    'at "%s" ends by itself, and no task runs',
    async (moment) => {
      up = await LongrunUp.start({ args: ['examples/hello.json'] });
      await up.ready();
      const tasks = (await up.settled('/hello', 2)).map(({ id }) => id);
      await up.stop();

      const { dataDir, ports } = up;
      const again = (up = await LongrunUp.start({ dataDir, ports }));
      await until(moment, () => again.output.includes(moment), { withinMs: 60_000, everyMs: 5 });
      const askedAt = performance.now();
      expect(await again.stop()).toBe(0);
      expect((performance.now() - askedAt) / 1000).toBeLessThan(25);
      expect(tasks.flatMap((task) => pidsOfTask(dataDir, task))).toEqual([]);
    },
    180_000,
  );

  it('stops tasks that were kept running, too', async () => {
    up = await LongrunUp.start({ args: ['examples/hello.json', '--keep-tasks'] });
    await up.ready();
    const tasks = (await up.settled('/hello', 2)).map(({ id }) => id);
    await up.stop();
    const { dataDir, ports } = up;
    const running = (): number[] => tasks.flatMap((task) => pidsOfTask(dataDir, task));
    expect(running().length).toBeGreaterThanOrEqual(2);

    const again = (up = await LongrunUp.start({ dataDir, ports }));
    await until('the control plane', () => again.output.includes('control plane: '), {
      withinMs: 60_000,
      everyMs: 5,
    });
    expect(await again.stop()).toBe(0);
    expect(running()).toEqual([]);
  }, 180_000);

  it('goes on when a terminal that it is not at hangs up (nohup)', async () => {
    up = await LongrunUp.start();
    await up.ready();
    process.kill(-(up.process.pid ?? 0), 'SIGHUP');
    expect(await up.stop('SIGTERM')).toBe(0);
    expect(up.output).toContain('asked to end: stopping');
  }, 120_000);
});
