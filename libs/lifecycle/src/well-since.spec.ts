// Since when a task is well without interruption, as status intake stores it: on the control plane's clock, whatever the agent's says.
import { expect, test } from '@jest/globals';
import { asTaskId } from '#libs/model';
import type { HealthResult, InstanceStatus } from '#libs/model';
import { aStatus } from '#libs/testkit';
import { datedStatus } from './launch-progress.js';

const passing = (lastFailureAt?: number): HealthResult => ({
  ...{ alive: true, consecutiveFailures: 0, firstSuccessAt: 1, lastSuccessAt: 9 },
  ...(lastFailureAt === undefined ? {} : { lastFailureAt }),
});
const failing: HealthResult = { alive: false, consecutiveFailures: 1, lastFailureAt: 5 };

/** The reports one after the other, 10 ms apart from 100 on. */
function wellSince(...reports: readonly Partial<InstanceStatus>[]): number | undefined {
  const stored = reports.reduce<InstanceStatus | undefined>(
    (before, each, index) => datedStatus(aStatus(each), before, 100 + 10 * index),
    undefined,
  );
  return stored?.wellSince;
}

test('is the first report with every check passing, however often it is repeated', () => {
  expect(
    wellSince(
      { health: [null, passing()] },
      { health: [passing(), passing()] },
      { health: [passing(), passing()] },
    ),
  ).toBe(110);
});

test('is the first report of it running when it has no checks', () => {
  expect(wellSince({ phase: 'starting' }, {}, { accepting: true })).toBe(110);
});

test('is none while a check fails, and begins anew afterwards, also when the failure itself was never reported', () => {
  expect(wellSince({ health: [passing()] }, { health: [failing] })).toBeUndefined();
  expect(wellSince({ health: [passing()] }, { health: [failing] }, { health: [passing(5)] })).toBe(120);
  expect(wellSince({ health: [passing()] }, { health: [passing(5)] })).toBe(110);
});

test('is that of the task, not of the one before it', () => {
  expect(wellSince({}, { taskId: asTaskId('web.2') })).toBe(110);
});

test('a failure is dated by its first report, whatever the clock of its agent says, until all checks pass', () => {
  const stored = (...reports: readonly Partial<InstanceStatus>[]): number | undefined =>
    reports.reduce<InstanceStatus | undefined>(
      (before, each, index) => datedStatus(aStatus(each), before, 100 + 10 * index),
      undefined,
    )?.failingSince;
  const bad = { health: [failing] };
  expect(stored({ health: [passing()] }, bad, bad)).toBe(110);
  expect(stored(bad, { health: [passing()] })).toBeUndefined();
  expect(stored(bad, { health: [passing()] }, bad)).toBe(120);
  expect(stored(bad, { ...bad, taskId: asTaskId('web.2') })).toBe(110);
});
