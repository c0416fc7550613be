// The launch delay where two versions of an app run side by side (behaviour.md 9): each config has its own, and an app keeps one.
import { describe, expect, test } from '@jest/globals';
import { timestampOf } from '#libs/model';
import type { App, AppVersion, Instance } from '#libs/model';
import { anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { delayAfterFailure, launchableAt } from './launch-delay.js';

const NOW = 1_700_000_000_000;
const older = aVersion(anAppSpec(), NOW);
const newer: AppVersion = {
  ...older,
  version: timestampOf(NOW + 1),
  lastConfigChangeAt: timestampOf(NOW + 1),
};
const app = (launchDelay?: App['launchDelay']): App => ({
  ...{ id: older.spec.id, current: newer, removing: false, revision: 1 },
  ...(launchDelay ? { launchDelay } : {}),
});
const ended = (requested = false): Instance =>
  anInstance({
    placed: false,
    status: aStatus({
      phase: 'ended',
      movedAt: NOW,
      exit: { code: 1, requested, outOfMemory: false, message: '' },
    }),
  });

describe('while a newer config fails', () => {
  const failing = delayAfterFailure(app(delayAfterFailure(app(), NOW, newer)), NOW, newer);

  test('its delay holds for it, and is not touched by failures of an older one', () => {
    expect(launchableAt(app(failing), ended(), newer, NOW)).toBe(NOW + 1_150);
    expect(delayAfterFailure(app(failing), NOW + 5, older)).toBe(failing);
  });

  test('what crashed of an older one waits its first delay, and what was killed none', () => {
    expect(launchableAt(app(failing), ended(), older, NOW)).toBe(NOW + 1_000);
    expect(launchableAt(app(failing), ended(true), older, NOW)).toBe(0);
  });
});

test('a newer config starts without a delay, and its first failure replaces that of the older one', () => {
  const failing = delayAfterFailure(app(), NOW, older);
  expect(launchableAt(app(failing), ended(), newer, NOW)).toBe(0);
  expect(delayAfterFailure(app(failing), NOW, newer)).toMatchObject({
    ...{ configVersion: newer.lastConfigChangeAt, delayMs: 1_000 },
  });
});

test('without any failure nothing waits', () => {
  expect(launchableAt(app(), anInstance({ placed: false }), older, NOW)).toBe(0);
});
