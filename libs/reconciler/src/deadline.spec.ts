// How long a deployment may be without progress, whoever leads and whatever a person set.
import { describe, expect, test } from '@jest/globals';
import { asAppId, asDeploymentId, timestampOf } from '#libs/model';
import type { App, Deployment } from '#libs/model';
import { aHealthCheck, anAppSpec, aVersion } from '#libs/testkit';
import { deadlineMs, IDLE_NOTE_MS, idleMs, isIdleNoteDue } from './deadline.js';
import { moveDeployment } from './deployments.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';
import type { ClusterSnapshot } from './snapshot.js';

const WEB = asAppId('/web');
const START = 1_700_000_000_000;
const MINUTE = 60_000;

const deployment: Deployment = {
  id: asDeploymentId('d'),
  version: timestampOf(START),
  status: 'running',
  steps: [{ actions: [{ action: 'RestartApplication', app: WEB }] }],
  currentStep: 1,
  changes: [],
  victims: [],
  startedAt: START,
  progressAt: START,
  progressMark: '',
  revision: 1,
};

/** Leaders one after the other, each for so long and each followed by so long without any; the time without progress in the end. */
function idleAfter(offices: readonly (readonly [ledMs: number, vacantMs: number])[]): number {
  let row = deployment;
  let now = START;
  for (const [ledMs, vacantMs] of offices) {
    const view = { officeSince: now };
    for (const end = now + ledMs; now <= end; now += 500) {
      if (isIdleNoteDue(row, view, now)) row = { ...row, idle: { ms: idleMs(row, view, now), at: now } };
    }
    now += vacantMs;
  }
  return idleMs(row, { officeSince: now }, now);
}
const times = (count: number, ledMs: number, vacantMs: number): (readonly [number, number])[] =>
  Array.from({ length: count }, () => [ledMs, vacantMs] as const);

describe('time without progress', () => {
  test.each([
    ['one leader', times(1, 15 * MINUTE, 0), 15 * MINUTE],
    ['a new leader every nine minutes', times(3, 9 * MINUTE, 5_000), 27 * MINUTE],
    ['a new leader every few seconds', times(120, 4_000, 1_000), 10 * MINUTE],
  ])('goes on with %s', (_, offices, expected) => {
    expect(idleAfter(offices)).toBeGreaterThanOrEqual(0.99 * expected);
    expect(idleAfter(offices)).toBeLessThanOrEqual(1.1 * expected);
  });

  test('does not go on while nobody leads, but for the little that may not have been written down', () => {
    expect(idleAfter([[2 * MINUTE, 3 * 60 * MINUTE]])).toBeLessThanOrEqual(2 * MINUTE + IDLE_NOTE_MS + 500);
  });

  test('goes on under a leader whose clock is behind that of the one before', () => {
    const officeSince = START - 4 * MINUTE;
    const view = { officeSince };
    let row: Deployment = { ...deployment, idle: { ms: 1_000, at: START } };
    for (let now = officeSince; now <= officeSince + 2 * MINUTE; now += 500) {
      if (isIdleNoteDue(row, view, now)) row = { ...row, idle: { ms: idleMs(row, view, now), at: now } };
    }
    expect(idleMs(row, view, officeSince + 2 * MINUTE)).toBe(1_000 + 2 * MINUTE);
    expect(idleMs({ ...row, idle: { ms: 1_000, at: START } }, view, officeSince + 500)).toBe(1_500);
  });

  test('counts from the beginning of a step: how things stood then is noted later and is no progress', () => {
    const current = aVersion(anAppSpec({ instances: 2 }));
    const app: App = { id: WEB, current, removing: false, revision: 1 };
    const [settings, officeSince, later] = [DEFAULT_RECONCILE_SETTINGS, START, START + 5_000];
    const versionOf = () => current;
    const situation = { app, instances: [], versionOf, settings, officeSince, now: later };
    const snapshot = { settings, officeSince } as ClusterSnapshot;
    const moved = moveDeployment(deployment, WEB, snapshot, () => situation, later).deployment;
    expect(moved?.progressMark).not.toBe('');
    expect(moved?.progressAt).toBe(START);
  });

  test('counts in a row of an older release from its last progress, for as long as this leader is in office', () => {
    const old = { ...deployment, progressAt: START - 60 * MINUTE };
    expect(idleMs(old, { officeSince: START }, START + MINUTE)).toBe(MINUTE + IDLE_NOTE_MS);
  });
});

describe('the deadline', () => {
  const slow = aHealthCheck({ gracePeriodSeconds: 1_000, intervalSeconds: 100, timeoutSeconds: 20 });
  const of = (more: Partial<App>, labels: Record<string, string> = {}): number => {
    const current = aVersion(anAppSpec({ labels, healthChecks: [slow] }));
    const app: App = { id: WEB, current, removing: false, revision: 1, ...more };
    const settings = DEFAULT_RECONCILE_SETTINGS;
    const situation = {
      app,
      instances: [],
      versionOf: () => current,
      settings,
      officeSince: START,
      now: START,
    };
    return deadlineMs(deployment, { settings }, () => situation, START) / 1000;
  };
  const launchDelay = {
    configVersion: timestampOf(START),
    delayMs: 40_000,
    until: START + 1,
    referenceAt: START,
  };

  test('is long enough for the checks, unless a person set one: the setting before the label, and exactly', () => {
    expect(of({})).toBe(1_000 + 4 * 100 + 20 + 60);
    expect(of({}, { 'longrun.io/progress-deadline-seconds': '30' })).toBe(30);
    const settings = { progressDeadlineSeconds: 45 };
    expect(of({ settings }, { 'longrun.io/progress-deadline-seconds': '30' })).toBe(45);
  });

  test.each(['9', '86401', 'soon', ''])('takes no notice of a label %j', (label) => {
    expect(of({}, { 'longrun.io/progress-deadline-seconds': label })).toBe(1_480);
  });

  test('has room for a launch delay that holds now, also one that a person set', () => {
    expect(of({ launchDelay, settings: { progressDeadlineSeconds: 45 } })).toBe(85);
  });

  test('has room for the time for which new instances must serve', () => {
    expect(of({ settings: { minReadySeconds: 7_200 } })).toBe(7_260);
  });
});
