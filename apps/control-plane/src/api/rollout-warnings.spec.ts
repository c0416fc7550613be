// Deadlines and times that a person set and that do not go together with the app.
import { expect, test } from '@jest/globals';
import type { AppSettings } from '#libs/model';
import { aHealthCheck, anAppSpec, aVersion } from '#libs/testkit';
import { rolloutWarnings } from './rollout-warnings.js';

const check = aHealthCheck({ gracePeriodSeconds: 60, intervalSeconds: 10, timeoutSeconds: 5 });
const warnings = (settings: AppSettings, labels: Record<string, string> = {}): readonly string[] =>
  rolloutWarnings({ settings, current: aVersion(anAppSpec({ labels, healthChecks: [check] })) });

test('a deadline shorter than the checks of the app is obeyed, and told with the time they need', () => {
  expect(warnings({ progressDeadlineSeconds: 105 })).toEqual([]);
  expect(warnings({ progressDeadlineSeconds: 104 })).toEqual([expect.stringContaining('may take 105 s')]);
  expect(warnings({}, { 'longrun.io/progress-deadline-seconds': '20' })).toHaveLength(1);
});

test('a label that is out of its range has no effect, which is told with the range', () => {
  for (const value of ['5', '86401', 'soon', ' ']) {
    expect(warnings({}, { 'longrun.io/progress-deadline-seconds': value })).toEqual([
      expect.stringContaining('from 10 to 86400'),
    ]);
  }
  expect(warnings({}, { 'longrun.io/min-ready-seconds': '-1' })).toHaveLength(1);
  expect(warnings({}, { 'longrun.io/min-ready-seconds': '0' })).toEqual([]);
  for (const value of ['soon', '30s', '-1', '', 'Infinity']) {
    expect(warnings({}, { 'longrun.io/drain-seconds': value })).toEqual([
      `the label longrun.io/drain-seconds "${value}" has no effect: it must be a number of seconds and not negative`,
    ]);
  }
  expect(warnings({}, { 'longrun.io/drain-seconds': '100000' })).toEqual([]);
});
