import { describe, expect, it } from '@jest/globals';
import type { BrakeAnswer } from '#libs/api-client';
import { brakeLines } from './brake-lines.js';

const off = { on: false, healthy: 20, unhealthy: 0, together: 0, needed: 10 };
const calm: BrakeAnswer = {
  settings: { enabled: true, instances: 4, share: 0.5, windowSeconds: 60 },
  fleet: off,
  apps: [{ ...off, appId: '/web', holds: [] }],
  hosts: { on: false, agents: 3, silent: [] },
};

describe('the brakes in status', () => {
  it('are not mentioned while they are off', () => {
    expect(brakeLines(calm)).toEqual([]);
  });

  it('say since when, how many are unhealthy and held, and when it ends', () => {
    const holds = [{ instanceId: 'i', text: 'failed 4 times' }];
    const on = { ...off, on: true, since: 'T1', healthy: 3, unhealthy: 17, holds, appId: '/web' };
    expect(brakeLines({ ...calm, apps: [{ ...on, by: 'app' }] })).toEqual([
      'mass-kill brake: on since T1, 17 of 20 turned unhealthy together, so the checks are suspected first: 1 not killed, traffic goes to all',
    ]);
    const [line] = brakeLines({ ...calm, apps: [{ ...on, by: 'fleet', endsAt: 'T2' }] });
    expect(line).toContain('mass-kill brake (that of the fleet): on since T1');
    expect(line).toContain('it ends at T2 if it stays calm');
  });

  it('name the hosts that are silent and not declared lost', () => {
    const silent = [{ id: 'a', hostname: 'rack-1' }];
    const [line] = brakeLines({ ...calm, hosts: { on: true, since: 'T1', agents: 3, silent } });
    expect(line).toBe('host brake: on since T1, 1 of 3 agents is silent (rack-1) and not declared lost');
  });
});
