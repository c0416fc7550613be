// The readiness check of an app (behaviour.md 8): who has to answer it, and that one ready answer is never forgotten.
import { describe, expect, test } from '@jest/globals';
import type { InstanceStatus } from '#libs/model';
import { aHealthCheck, anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { datedStatus } from './launch-progress.js';
import { isAwaitingReadiness, isReady, isReportedUnready } from './readiness.js';

const NOW = 1_700_000_000_000;
const version = aVersion(anAppSpec());
const checked = aVersion(anAppSpec({ healthChecks: [aHealthCheck()] }));
const asked = (status: Partial<InstanceStatus>): ReturnType<typeof anInstance> =>
  anInstance({ asksReadiness: true, status: aStatus({ accepting: true, ...status }) });

describe('an instance that is asked', () => {
  test('is not ready before it said so, healthy or not', () => {
    const well = [{ alive: true, consecutiveFailures: 0 }];
    expect(isReady(asked({}), version, NOW)).toBe(false);
    expect(isReady(asked({ readiness: { ready: false } }), version, NOW)).toBe(false);
    expect(isReady(asked({ readiness: { ready: false }, health: well }), checked, NOW)).toBe(false);
    expect(isReady(asked({ readiness: { ready: true }, health: well }), checked, NOW)).toBe(true);
  });

  test('needs its health and its ports as well', () => {
    expect(isReady(asked({ readiness: { ready: true }, health: [null] }), checked, NOW)).toBe(false);
    expect(isReady(asked({ readiness: { ready: true }, accepting: false }), version, NOW)).toBe(false);
  });

  test('does not take an answer of an older incarnation for its own', () => {
    const instance = { ...asked({ readiness: { ready: true } }), incarnation: 2 };
    expect(isAwaitingReadiness(instance)).toBe(true);
  });

  test('is never unrouted for not being ready: only what was reported as failed is', () => {
    expect(isReportedUnready(asked({}), version)).toBe(false);
  });
});

test('one that is not asked is ready without an answer', () => {
  expect(isReady(anInstance({ status: aStatus({ accepting: true }) }), version, NOW)).toBe(true);
});

describe('a stored report', () => {
  const ready = aStatus({ readiness: { ready: true }, run: 1 });

  test('keeps the ready answer that a restarted agent does not know any more', () => {
    expect(datedStatus(aStatus({ run: 2 }), ready, NOW).readiness).toEqual({ ready: true });
    const unready = aStatus({ run: 2, readiness: { ready: false } });
    expect(datedStatus(unready, ready, NOW).readiness).toEqual({ ready: true });
  });

  test('takes a newer answer, and none of another task', () => {
    const answer = { ready: true, lastResponse: { status: 200, contentType: 'text/plain', body: 'up' } };
    expect(datedStatus(aStatus({ readiness: answer }), ready, NOW).readiness).toEqual(answer);
    const other = aStatus({ incarnation: 2, taskId: 'web.2' as InstanceStatus['taskId'] });
    expect(datedStatus(other, ready, NOW)).not.toHaveProperty('readiness');
  });
});
