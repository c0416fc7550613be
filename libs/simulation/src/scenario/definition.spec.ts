import { describe, expect, it } from '@jest/globals';
import { asAppId, parseApp, portsOf, runtimeOf, type AppSpec } from '#libs/model';
import { toDefinition } from './definition.js';
import { scenarioOf } from './generate.js';
import type { AppWish } from './scenario.js';

const parsed = (app: string, wish: AppWish): AppSpec => {
  const answer = parseApp(JSON.parse(JSON.stringify(toDefinition(app, wish))), { id: asAppId(app) });
  if (answer.kind !== 'ok') throw new Error(`${JSON.stringify(wish)}: ${JSON.stringify(answer)}`);
  return answer.spec;
};

/** The first `count` wishes that seeds lead to. */
function generated(count: number): readonly { readonly app: string; readonly wish: AppWish }[] {
  const found: { app: string; wish: AppWish }[] = [];
  for (let seed = 0; found.length < count; seed += 1) {
    for (const action of scenarioOf(`definition-${seed}`).actions) {
      if (action.do === 'deploy') found.push(action);
    }
  }
  return found.slice(0, count);
}

const CONSTRAINTS: Record<AppWish['constraint'], AppSpec['constraints']> = {
  none: [],
  unique: [{ field: 'hostname', operator: 'UNIQUE' }],
  'max-per-2': [{ field: 'hostname', operator: 'MAX_PER', value: '2' }],
  'group-by-zone': [{ field: '@zone', operator: 'GROUP_BY' }],
};
const FAMILY = { http: /^(MESOS_)?HTTP$/, tcp: /^(MESOS_)?TCP$/, command: /^COMMAND$/ };

describe('the definition of a wish', () => {
  it('is taken by the real parser and means the same, for 2,000 wishes', () => {
    for (const { app, wish } of generated(2000)) {
      const spec = parsed(app, wish);
      const { labels } = spec;
      expect({
        id: spec.id as string,
        instances: spec.instances,
        cpus: spec.cpus,
        mem: spec.mem,
        behaviour: spec.env['BEHAVIOUR'],
        release: spec.env['RELEASE'],
        runtime: runtimeOf(spec),
        ports: portsOf(spec).length,
        hostPort: portsOf(spec)[0]?.hostPort ?? 0,
        strategy: spec.upgradeStrategy,
        constraints: spec.constraints,
        grace: spec.taskKillGracePeriodSeconds,
        delay: [spec.backoffSeconds, spec.maxLaunchDelaySeconds],
        drain: labels['longrun.io/drain-seconds'],
        deadline: labels['longrun.io/progress-deadline-seconds'],
        minReady: labels['longrun.io/min-ready-seconds'],
        readiness: (spec.readinessChecks ?? []).length,
      }).toEqual({
        id: app,
        instances: wish.instances,
        cpus: wish.cpus,
        mem: wish.mem,
        behaviour: wish.behaviour,
        release: String(wish.release),
        runtime: wish.runtime,
        ports: wish.ports,
        hostPort: wish.hostPort,
        strategy: {
          minimumHealthCapacity: wish.minimumHealthCapacity,
          maximumOverCapacity: wish.maximumOverCapacity,
        },
        constraints: CONSTRAINTS[wish.constraint],
        grace: wish.killGraceSeconds,
        delay: [1, wish.maxLaunchDelaySeconds],
        drain: String(wish.drainSeconds),
        deadline: String(wish.progressDeadlineSeconds),
        minReady: String(wish.minReadySeconds),
        readiness: wish.readiness ? 1 : 0,
      });
      if (wish.health === 'none') expect(spec.healthChecks).toEqual([]);
      else expect(spec.healthChecks.map(({ protocol }) => protocol).join()).toMatch(FAMILY[wish.health]);
      for (const check of spec.healthChecks) {
        expect(check.intervalSeconds).toBeGreaterThanOrEqual(2);
        expect(check.intervalSeconds).toBeLessThanOrEqual(10);
        expect(check.gracePeriodSeconds).toBeGreaterThanOrEqual(5);
        expect(check.gracePeriodSeconds).toBeLessThanOrEqual(30);
      }
    }
  });

  it('of another release is another configuration', () => {
    for (const { app, wish } of generated(100)) {
      const next = { ...wish, release: wish.release + 1 };
      expect(parsed(app, next).env).not.toEqual(parsed(app, wish).env);
    }
  });

  it('is valid for simpler wishes, too: a check that needs a port is left out where there is none', () => {
    const [first] = generated(1);
    if (!first) throw new Error('no wish');
    for (const health of ['none', 'http', 'tcp', 'command'] as const) {
      for (const runtime of ['process', 'docker'] as const) {
        for (const hostPort of [0, 31_004]) {
          const wish: AppWish = { ...first.wish, health, runtime, hostPort, ports: 0, readiness: true };
          const spec = parsed('/simple', wish);
          expect(spec.readinessChecks ?? []).toEqual([]);
          expect(spec.healthChecks.length).toBe(health === 'command' ? 1 : 0);
          expect(portsOf(spec)).toEqual([]);
        }
      }
    }
  });

  it('of a process with a fixed host port fixes all of its ports, side by side', () => {
    const [first] = generated(1);
    if (!first) throw new Error('no wish');
    const wish: AppWish = { ...first.wish, runtime: 'process', ports: 2, hostPort: 31_004 };
    expect(portsOf(parsed('/fixed', wish)).map(({ hostPort }) => hostPort)).toEqual([31_004, 31_005]);
  });
});
