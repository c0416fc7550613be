import { describe, expect, it } from '@jest/globals';
import { configOf, isOfCurrentConfig, timestampOf } from '#libs/model';
import type { AppSpec } from '#libs/model';
import { aHealthCheck, anAppSpec, aVersion } from '#libs/testkit';
import { nextVersion } from './next-version.js';

const now = timestampOf(1_000_000_000_000);
const before = aVersion(
  anAppSpec({
    executorResources: { cpus: 0.1, mem: 32, disk: 10 },
    constraints: [
      { field: 'hostname', operator: 'UNIQUE' },
      { field: 'rack', operator: 'CLUSTER' },
    ],
    healthChecks: [aHealthCheck({ path: '/a' }), aHealthCheck({ path: '/b' })],
  }),
);
const kindOf = (change: Partial<AppSpec>) => nextVersion(before, { ...before.spec, ...change }, now).kind;

describe('what is no change (app.md A12)', () => {
  it('is a definition that says the same, whatever the order of its members and sets', () => {
    const { id, ...rest } = before.spec;
    expect(nextVersion(before, { ...rest, id }, now).kind).toBe('unchanged');
    const { constraints, healthChecks } = before.spec;
    expect(kindOf({ constraints: constraints.toReversed() })).toBe('unchanged');
    expect(kindOf({ healthChecks: healthChecks.toReversed() })).toBe('unchanged');
  });

  it('is other executorResources alone; with another change they are taken over', () => {
    const executorResources = { cpus: 1, mem: 64, disk: 20 };
    expect(kindOf({ executorResources })).toBe('unchanged');
    const scaled = nextVersion(before, { ...before.spec, executorResources, instances: 7 }, now);
    expect(scaled).toMatchObject({ version: { spec: { executorResources }, lastScalingAt: now } });
    expect(scaled).not.toMatchObject({ version: { lastConfigChangeAt: now } });
  });

  it.each<Partial<AppSpec>>([
    { user: 'www' },
    { tty: true },
    { executor: '//cmd' },
    { resourceLimits: { cpus: 'unlimited' } },
    { fetch: [{ uri: 'x', extract: true, executable: false, cache: false }] },
    { labels: { a: 'b' } },
    { constraints: [] },
    { acceptedResourceRoles: ['*'] },
  ])('is not %j', (change) => {
    expect(nextVersion(before, { ...before.spec, ...change }, now)).toMatchObject({
      version: { lastConfigChangeAt: now },
    });
  });
});

describe('what comes back while instances of it run', () => {
  const first = aVersion(anAppSpec({ cmd: 'one' }), 1_000);
  const scaled = { ...first, version: timestampOf(2_000), spec: { ...first.spec, instances: 3 } };
  const second = aVersion(anAppSpec({ cmd: 'two' }), 3_000);
  const running = [second, scaled, first, scaled];

  it('adopts those of the very same config, however many were wanted then', () => {
    const back = nextVersion(second, { ...first.spec, instances: 7 }, now, { running });
    expect(back).toMatchObject({
      version: { adopts: [first.version, scaled.version], lastConfigChangeAt: now },
    });
    const third = nextVersion(second, { ...first.spec, cmd: 'three' }, now, { running });
    expect(third).not.toHaveProperty('version.adopts');
  });

  it('keeps them through a scaling, and through no restart', () => {
    const current = { ...aVersion(first.spec, 4_000), adopts: [first.version] };
    const scaling = nextVersion(current, { ...first.spec, instances: 2 }, now, { running });
    expect(scaling).toMatchObject({ version: { adopts: [first.version] } });
    const restart = nextVersion(current, first.spec, now, { running, restart: true });
    expect(restart).toMatchObject({ version: { lastConfigChangeAt: now } });
    expect(restart).not.toHaveProperty('version.adopts');
  });

  it('knows an adopted one as of the current config, and the ones in between as not', () => {
    const current = { ...aVersion(first.spec, 4_000), adopts: [first.version] };
    expect([first, second, current].map(({ version }) => isOfCurrentConfig(version, current))).toEqual([
      true,
      false,
      true,
    ]);
    expect(configOf(first, current)).toBe(current.lastConfigChangeAt);
    expect(configOf(second, current)).toBe(second.lastConfigChangeAt);
  });
});
