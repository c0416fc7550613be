// A simulated host with the real agent on it: starts, crashes, power, ports, lies, and the same again with the same seed.
import { describe, expect, it } from '@jest/globals';
import { assignment, HostBench, PORT } from './fixtures/host-bench.js';

const alive = (bench: HostBench): boolean => bench.status()?.health[0]?.alive === true;

describe('a simulated host', () => {
  it('runs what is assigned, and the agent finds it well', async () => {
    const bench = new HostBench();
    await bench.joined(assignment());
    await bench.until('it is well', () => alive(bench));
    expect(bench.phases()).toEqual(['1 starting', '1 running']);
    expect(bench.told).toEqual(['launching', 'running']);
    expect(bench.host.listener(PORT)).toMatchObject({
      taskId: 'shop_web.task-1-1',
      isWell: true,
      wasReady: true,
    });
  });
});
