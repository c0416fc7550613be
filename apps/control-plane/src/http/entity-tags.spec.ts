// A tag is only worth something when it never outlives its answer: here by the clock. Rows: test/integration/api-reads.int-spec.ts.
import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { WorkingSet, type ControlCore } from '#libs/control-core';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import { anAgentNode, anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { entityTag, isKnown } from './entity-tags.js';

const BUILT_AT = 1_700_000_000_000;
const spec = anAppSpec({ unreachableStrategy: { inactiveAfterSeconds: 60, expungeAfterSeconds: 600 } });
const clock = new ManualClock(BUILT_AT);
const state = new WorkingSet(
  {
    apps: [{ id: spec.id, current: aVersion(spec), removing: false, revision: 1 }],
    groups: [],
    versions: [],
    instances: [{ ...anInstance({ unreachableSince: BUILT_AT }), status: aStatus() }],
    deployments: [],
    agents: [anAgentNode({ liveness: 'lost' })],
    proxies: [],
    tableNumber: 0,
    eventNumber: 0,
    lastVersion: null,
  },
  { epoch: 1, now: BUILT_AT, settings: DEFAULT_RECONCILE_SETTINGS },
);
const core = { hasState: true, state, clock, leadership: { holder: 'a' } } as unknown as ControlCore;
const tagOf = (url: string, headers: object = {}, method = 'GET') => {
  const query = Object.fromEntries(new URLSearchParams(url.split('?')[1]));
  return entityTag(core, { method, url, headers, query } as unknown as FastifyRequest);
};

describe('entityTag', () => {
  it('stays while nothing happens, and goes when an unreachable task becomes inactive', () => {
    const before = tagOf('/v2/tasks');
    clock.advance(59_000);
    expect(tagOf('/v2/tasks')).toBe(before);
    clock.advance(2_000);
    expect(tagOf('/v2/tasks')).not.toBe(before);
  });

  it('is of the question: URL and accepted types', () => {
    const tags = [
      tagOf('/v2/apps'),
      tagOf('/v2/apps?embed=apps.tasks'),
      tagOf('/v2/apps', { accept: 'application/json' }),
    ];
    expect(new Set(tags).size).toBe(3);
  });

  it.each(['/v2/queue', '/v2/info', '/v3/apps/web/waiting', '/v3/proxies', '/v2/apps?embed=apps.taskStats'])(
    '%s has none: its answer depends on the moment',
    (url) => expect(tagOf(url)).toBeNull(),
  );

  it('is for reading only', () => expect(tagOf('/v2/apps', {}, 'POST')).toBeNull());

  it('is recognised in a list, strong or weak', () => {
    expect(isKnown('"x", W/"1-2"', 'W/"1-2"')).toBe(true);
    expect(isKnown('"1-2"', 'W/"1-2"')).toBe(true);
    expect(isKnown(undefined, 'W/"1-2"')).toBe(false);
  });
});
