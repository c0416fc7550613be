import { describe, expect, test } from '@jest/globals';
import { asAppId, asDeploymentId, asInstanceId, timestampOf } from '#libs/model';
import type { AppChange, AppId, AppSpec, AppVersion, Deployment } from '#libs/model';
import { anAppSpec } from '#libs/testkit';
import { conflictsWith, revertChanges } from './conflicts.js';
import { nextVersion } from './next-version.js';
import { planSteps } from './plan-steps.js';
import { scaleNeeds, victimOrder } from './scaling.js';

const aSpec = (id: string, more: Partial<AppSpec> = {}): AppSpec => anAppSpec({ id: asAppId(id), ...more });
const [t1, t2, t3] = [timestampOf(1_000), timestampOf(2_000), timestampOf(3_000)];

function version(before: AppVersion | null, spec: AppSpec, at = t1, restart = false): AppVersion {
  const next = nextVersion(before, spec, at, { restart });
  if (next.kind === 'unchanged') throw new Error('unchanged');
  return next.version;
}
const change = (before: AppVersion | null, after: AppVersion | null): AppChange => {
  const appId = (after ?? before)?.spec.id;
  if (!appId) throw new Error('a change needs a side');
  return { appId, before, after };
};

describe('nextVersion', () => {
  const first = version(null, aSpec('/a'));

  test('a new app gets all three timestamps', () => {
    expect(first).toMatchObject({ version: t1, lastScalingAt: t1, lastConfigChangeAt: t1 });
  });
  test('instances alone keep the config', () => {
    const scaled = version(first, aSpec('/a', { instances: 3 }), t2);
    expect(scaled).toMatchObject({ version: t2, lastScalingAt: t2, lastConfigChangeAt: t1 });
  });
  test('any other member restarts, labels too', () => {
    const changed = version(first, aSpec('/a', { labels: { x: 'y' } }), t2);
    expect(changed).toMatchObject({ version: t2, lastScalingAt: t2, lastConfigChangeAt: t2 });
  });
  test('a restart keeps lastScalingAt', () => {
    expect(version(first, aSpec('/a'), t2, true)).toMatchObject({
      lastScalingAt: t1,
      lastConfigChangeAt: t2,
    });
  });
  test('the order of members is no change', () => {
    const { env, ...rest } = aSpec('/a');
    expect(nextVersion(first, { env, ...rest }, t2)).toEqual({ kind: 'unchanged' });
  });
});

describe('planSteps', () => {
  test('another number of instances goes on with a replacement under way', () => {
    const before = version(null, aSpec('/a'));
    const scaled = version(before, aSpec('/a', { instances: 3 }), t2);
    const wanted = { specs: [scaled.spec], groups: [] };
    const actionsOf = (replacing: ReadonlySet<AppId>): unknown =>
      planSteps([change(before, scaled)], wanted, replacing);
    expect(actionsOf(new Set())).toEqual({
      kind: 'steps',
      steps: [{ actions: [{ action: 'ScaleApplication', app: '/a' }] }],
    });
    expect(actionsOf(new Set([scaled.spec.id]))).toEqual({
      kind: 'steps',
      steps: [{ actions: [{ action: 'RestartApplication', app: '/a' }] }],
    });
  });

  test('stops what goes, then starts at 0, then scales by dependency layers', () => {
    const db = version(null, aSpec('/db'));
    const web = version(null, aSpec('/web', { dependencies: [asAppId('/db')] }));
    const gone = version(null, aSpec('/gone'));
    const planned = planSteps([change(null, web), change(null, db), change(gone, null)], {
      specs: [web.spec, db.spec],
      groups: [],
    });
    expect(planned).toEqual({
      kind: 'steps',
      steps: [
        { actions: [{ action: 'StopApplication', app: '/gone' }] },
        {
          actions: [
            { action: 'StartApplication', app: '/web' },
            { action: 'StartApplication', app: '/db' },
          ],
        },
        { actions: [{ action: 'ScaleApplication', app: '/db' }] },
        { actions: [{ action: 'ScaleApplication', app: '/web' }] },
      ],
    });
  });

  test('a config change restarts, unless it goes to 0 instances; a count scales; nothing does nothing', () => {
    const before = version(null, aSpec('/a'));
    const restarted = version(before, aSpec('/a', { cmd: 'other' }), t2);
    const stopped = version(before, aSpec('/a', { cmd: 'other', instances: 0 }), t2);
    const scaled = version(before, aSpec('/a', { instances: 2 }), t2);
    const actionOf = (after: AppVersion): unknown => {
      const planned = planSteps([change(before, after)], { specs: [after.spec], groups: [] });
      return planned.kind === 'steps' ? planned.steps.map((step) => step.actions[0]?.action) : planned;
    };
    expect(actionOf(restarted)).toEqual(['RestartApplication']);
    expect(actionOf(stopped)).toEqual(['ScaleApplication']);
    expect(actionOf(scaled)).toEqual(['ScaleApplication']);
    expect(actionOf(before)).toEqual([]);
  });

  test('a dependency on a group means every app in it; a cycle is named', () => {
    const web = aSpec('/web', { dependencies: [asAppId('/backend')] });
    const api = aSpec('/backend/api', { dependencies: [asAppId('/web')] });
    expect(planSteps([], { specs: [web, api], groups: [] })).toEqual({
      kind: 'cycle',
      cycle: ['/web', '/backend/api'],
    });
  });
});

describe('conflicts and reverts', () => {
  const before = version(null, aSpec('/a'));
  const after = version(before, aSpec('/a', { cmd: 'new' }), t2);
  const added = version(null, aSpec('/b'), t2);
  const deployment: Deployment = {
    id: asDeploymentId('d1'),
    version: t2,
    status: 'running',
    steps: [{ actions: [{ action: 'RestartApplication', app: asAppId('/a') }] }],
    currentStep: 1,
    changes: [change(before, after), change(null, added)],
    victims: [],
    startedAt: 0,
    progressAt: 0,
    progressMark: '',
    revision: 1,
  };

  test('plans conflict by the apps in their actions', () => {
    const onA = [{ actions: [{ action: 'ScaleApplication' as const, app: asAppId('/a') }] }];
    const onC = [{ actions: [{ action: 'ScaleApplication' as const, app: asAppId('/c') }] }];
    expect(conflictsWith(onA, [deployment])).toEqual(['d1']);
    expect(conflictsWith(onC, [deployment])).toEqual([]);
  });

  test('taking back restores what was changed and removes what was added, from what is now', () => {
    const now = version(after, aSpec('/a', { cmd: 'new', instances: 4 }), t3);
    const apps = new Map([
      [asAppId('/a'), { current: now, removing: false }],
      [asAppId('/b'), { current: added, removing: false }],
    ]);
    expect(revertChanges(deployment, apps)).toEqual([
      { appId: '/a', before: now, after: before },
      { appId: '/b', before: added, after: null },
    ]);
  });
});

describe('scaling', () => {
  test.each([
    // considered, target, named; kill, start
    [3, 5, 0, 0, 2],
    [5, 2, 0, 3, 0],
    [3, 3, 2, 2, 2],
    [4, 2, 2, 2, 0],
  ])('%p considered, target %p, %p named', (considered, target, named, toKill, toStart) => {
    expect(scaleNeeds(considered, target, named)).toEqual({ toKill, toStart });
  });

  test('victims: named, then waiting, unreachable, staging, starting, running; youngest first inside a state', () => {
    const id = asInstanceId;
    const order = victimOrder(
      [
        { id: id('old'), state: 'running', since: 1 },
        { id: id('young'), state: 'running', since: 2 },
        { id: id('staging'), state: 'staging', since: 1 },
        { id: id('named'), state: 'running', since: 1 },
        { id: id('lost'), state: 'unreachable', since: 1 },
        { id: id('waiting'), state: 'waiting' },
      ],
      new Set([id('named')]),
      'YOUNGEST_FIRST',
    );
    expect(order.map((each) => each.id)).toEqual(['named', 'waiting', 'lost', 'staging', 'young', 'old']);
  });

  test('GROUP_BY groups stay even', () => {
    const of = (name: string, group: string, since: number) => ({
      id: asInstanceId(name),
      state: 'running' as const,
      since,
      group,
    });
    const order = victimOrder(
      [of('a1', 'a', 9), of('a2', 'a', 8), of('b1', 'b', 3), of('b2', 'b', 2), of('b3', 'b', 1)],
      new Set(),
      'YOUNGEST_FIRST',
    );
    expect(order.slice(0, 3).map((each) => each.id)).toEqual(['b1', 'a1', 'b2']);
  });
});
