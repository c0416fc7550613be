import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { identityOf, isAlive, parentOf, signalProcess } from '#libs/process-identity';

describe('process identity', () => {
  it('names a living process, and no longer when it has ended', async () => {
    const child = spawn('sleep', ['1000']);
    const identity = identityOf(child.pid ?? 0);
    if (!identity) throw new Error('the child should live');
    expect(isAlive(identity)).toBe(true);
    expect(parentOf(identity.pid)).toBe(process.pid);
    expect(signalProcess(identity, 'SIGKILL')).toBe(true);
    await once(child, 'exit');
    expect(isAlive(identity)).toBe(false);
    expect(signalProcess(identity, 'SIGKILL')).toBe(false);
  });

  it('does not take another process with the same pid for it', () => {
    const self = identityOf(process.pid);
    if (!self) throw new Error('this process lives');
    expect(isAlive({ ...self, startTime: '1' })).toBe(false);
    expect(isAlive({ ...self, bootId: 'another boot' })).toBe(false);
  });
});
