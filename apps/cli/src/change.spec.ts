// A change that ended with fewer instances than wanted must not look like a success.
import { describe, expect, it } from '@jest/globals';
import type { AppAnswer } from '#libs/api-client';
import { waitUntilWhole } from './change.js';
import type { CommandContext } from './command.js';

const app = (changes: Partial<AppAnswer>): AppAnswer => ({
  id: '/web',
  instances: 2,
  cpus: 0.1,
  mem: 32,
  version: '2026-01-01T00:00:00.000Z',
  tasksStaged: 0,
  tasksRunning: 2,
  tasksHealthy: 0,
  tasksUnhealthy: 0,
  labels: {},
  deployments: [],
  ...changes,
});
const failedAt = (timestamp: string): Partial<AppAnswer> => ({
  tasksRunning: 0,
  lastTaskFailure: {
    message: 'exited with code 127',
    state: '',
    timestamp,
    taskId: '',
    host: '',
    version: '',
  },
});

function wait(...answers: readonly AppAnswer[]): Promise<readonly AppAnswer[]> {
  const left = [...answers];
  const context = {
    api: { get: () => Promise.resolve({ app: left.length > 1 ? left.shift() : left[0] }) },
    settings: { number: () => 0.5, text: () => '0.5' },
    output: { progress: () => undefined },
  } as unknown as CommandContext;
  return waitUntilWhole(context, ['/web'], '2026-01-01T00:00:10.000Z');
}

describe('waitUntilWhole', () => {
  it('takes running instances of an app without health checks', async () => {
    expect(await wait(app({}))).toHaveLength(1);
  });

  it('waits for instances that are on their way, whatever failed before', async () => {
    const healthy = app({ healthChecks: [{}], tasksHealthy: 2 });
    expect(await wait(app(failedAt('2026-01-01T00:00:09.000Z')), healthy)).toEqual([healthy]);
  });

  it('names the app and its failure', async () => {
    await expect(wait(app(failedAt('2026-01-01T00:00:11.000Z')))).rejects.toThrow(
      '/web: 0/2 running. The last task of /web failed:\n  exited with code 127',
    );
  });

  it('does not wait for ever', async () => {
    await expect(wait(app({ healthChecks: [{}], tasksHealthy: 1 }))).rejects.toMatchObject({ exitCode: 4 });
  });
});
