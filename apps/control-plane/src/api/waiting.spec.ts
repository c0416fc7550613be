// What is said of an instance that runs and may not be routed.
import { expect, test } from '@jest/globals';
import { WorkingSet } from '#libs/control-core';
import type { InstanceStatus } from '#libs/model';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import { aHealthCheck, anAgentNode, anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { waitingWords } from './waiting.js';

const NOW = 1_700_000_000_000;
const failed = { alive: false, consecutiveFailures: 2 };

function words(checks: number, health: InstanceStatus['health']): string[] {
  const spec = anAppSpec({ healthChecks: Array.from({ length: checks }, () => aHealthCheck()) });
  const app = { id: spec.id, current: aVersion(spec), removing: false, revision: 1 };
  const state = new WorkingSet(
    {
      apps: [app],
      groups: [],
      versions: [],
      instances: [{ ...anInstance(), status: aStatus({ health }) }],
      deployments: [],
      agents: [anAgentNode()],
      proxies: [],
      tableNumber: 0,
      eventNumber: 0,
      lastVersion: null,
    },
    { epoch: 1, now: NOW, settings: DEFAULT_RECONCILE_SETTINGS },
  );
  return waitingWords(app, state, undefined, NOW);
}

test('who has no result of a check has not passed it yet, and who has a bad one does not pass it', () => {
  expect(words(0, [])).toEqual(['web.1 runs, but does not accept connections on its ports yet']);
  expect(words(1, [])).toEqual(['web.1 runs, but has not passed its health check yet']);
  expect(words(1, [failed])).toEqual(['web.1 runs, but does not pass its health check']);
  expect(words(2, [failed])).toEqual(['web.1 runs, but has not passed its health checks yet']);
  expect(words(2, [failed, failed])).toEqual(['web.1 runs, but does not pass its health checks']);
});
