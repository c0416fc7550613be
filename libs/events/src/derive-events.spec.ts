import { describe, expect, it } from '@jest/globals';
import {
  asAppId,
  asDeploymentId,
  asInstanceId,
  asTaskId,
  timestampOf,
  type AppSpec,
  type AppVersion,
  type Deployment,
  type HealthResult,
  type Instance,
  type InstanceStatus,
} from '#libs/model';
import { aHealthCheck, anAppSpec, anInstance, aStatus } from '#libs/testkit';
import { EVENT_CATALOGUE } from './catalogue.js';
import { deriveEvents, type ChangeSet } from './derive-events.js';
import type { NewEvent } from './event.js';
import { groupChangeSuccess } from './api-events.js';
import type { EventView } from './event-view.js';
import { lightPlan } from './plan-view.js';

const APP = asAppId('/shop/web');
const NOW = timestampOf(1_700_000_000_000);
const CHECK = aHealthCheck({ path: '/health', portIndex: 0, gracePeriodSeconds: 10 });
const version = {
  spec: { id: APP, healthChecks: [CHECK] } as unknown as AppSpec,
  version: NOW,
} as AppVersion;

const view: EventView = {
  now: NOW,
  condition: ({ stop, status, placed }) =>
    status?.phase === 'ended'
      ? status.exit?.requested
        ? 'Killed'
        : 'Failed'
      : stop
        ? 'Killing'
        : placed
          ? status?.phase === 'running'
            ? 'Running'
            : 'Provisioned'
          : 'Scheduled',
  taskState: (instance) => `TASK_${view.condition(instance).toUpperCase()}`,
  healthy: ({ status }) => status?.health[0]?.alive ?? null,
  version: () => version,
  agent: () => undefined,
  showApp: ({ spec }) => ({ id: spec.id }),
};

const placed = anInstance({
  id: asInstanceId('shop_web.instance-1'),
  appId: APP,
  version: NOW,
  taskId: asTaskId('shop_web.1'),
});
const status = (change: Partial<InstanceStatus>): InstanceStatus =>
  aStatus({ instanceId: placed.id, appId: APP, taskId: asTaskId('shop_web.1'), health: [null], ...change });
const health = (alive: boolean, consecutiveFailures: number): HealthResult => ({
  alive,
  consecutiveFailures,
});

const deployment: Deployment = {
  id: asDeploymentId('d1'),
  version: NOW,
  status: 'running',
  steps: [
    { actions: [{ action: 'StartApplication', app: APP }] },
    { actions: [{ action: 'ScaleApplication', app: APP }] },
  ],
  currentStep: 0,
  changes: [{ appId: APP, before: null, after: version }],
  victims: [],
  startedAt: 0,
  progressAt: 0,
  progressMark: '',
  revision: 1,
};

const changes = (change: Partial<ChangeSet>): ChangeSet => ({
  apps: [],
  instances: [],
  deployments: [],
  agents: [],
  ...change,
});
/** What is derived, once it was found to have the members that the catalogue names, and no other. */
function derive(change: Partial<ChangeSet>, using = view): NewEvent[] {
  const events = deriveEvents(changes(change), using);
  for (const { type, payload } of events) {
    const { members } = EVENT_CATALOGUE[type];
    const names = Object.keys(members).map((name) => name.replace('?', ''));
    const needed = Object.keys(members).filter((name) => !name.endsWith('?'));
    expect([type, Object.keys(payload).filter((name) => !names.includes(name))]).toEqual([type, []]);
    expect([type, needed.filter((name) => payload[name] === undefined)]).toEqual([type, []]);
  }
  return events;
}
const typesOf = (change: Partial<ChangeSet>): string[] => derive(change).map(({ type }) => type);

describe('events of an instance', () => {
  it('tells a counted failure, the flip of the check and of the whole, in this order', () => {
    const before = { ...placed, status: status({ health: [health(true, 0)] }) };
    const after = { ...placed, status: status({ health: [health(false, 1)], sequence: 2 }) };
    const events = derive({ instances: [{ before, after }] });
    expect(events.map(({ type }) => type)).toEqual([
      'failed_health_check_event',
      'health_status_changed_event',
      'instance_health_changed_event',
    ]);
    expect(events[0]?.payload['taskId']).toBe(placed.id);
    expect(events[1]?.payload).toMatchObject({ taskId: 'shop_web.1', alive: false });
  });

  it('tells no flip of a check whose first result is a failure, for it never was alive', () => {
    const before = { ...placed, status: status({}) };
    const after = { ...placed, status: status({ health: [health(false, 1)], sequence: 2 }) };
    expect(typesOf({ instances: [{ before, after }] })).toEqual([
      'failed_health_check_event',
      'instance_health_changed_event',
    ]);
  });

  it('tells the flip of a routed check whose results a restart of its agent has forgotten', () => {
    const before = { ...placed, routing: 'in' as const, status: status({ health: [null], run: 2 }) };
    const failed = { ...before, status: status({ health: [health(false, 1)], run: 2, sequence: 2 }) };
    expect(typesOf({ instances: [{ before, after: failed }] })).toContain('health_status_changed_event');
    const well = { ...before, status: status({ health: [health(true, 0)], run: 2, sequence: 2 }) };
    expect(typesOf({ instances: [{ before, after: well }] })).toContain('health_status_changed_event');
  });

  it('dates a kill for health by the last failure, and names it', () => {
    const failed = { ...health(false, 4), lastFailureAt: 7, lastFailureCause: 'HTTP 503' };
    const before = { ...placed, status: status({ health: [failed] }) };
    const cause = { kind: 'health', text: 'unhealthy' } as const;
    const stop = { phase: 'unrouting', cause, since: 0, then: 'relaunch' } as const;
    const [kill] = derive({ instances: [{ before, after: { ...before, stop } }] });
    expect(kill).toMatchObject({
      type: 'unhealthy_instance_kill_event',
      timestamp: timestampOf(7),
      payload: { reason: 'HTTP 503', host: 'unknown', taskId: placed.taskId },
    });
  });

  it('tells nothing about a report that changes nothing visible', () => {
    const before = { ...placed, status: status({}) };
    const after = { ...placed, status: status({ sequence: 7, handle: '42' }) };
    expect(typesOf({ instances: [{ before, after }] })).toEqual([]);
  });

  it('tells a chosen stop as a change of goal with the old condition, then as killing', () => {
    const before = { ...placed, status: status({}) };
    const cause = { kind: 'health', text: 'failed' } as const;
    const stop = { phase: 'unrouting', cause, since: 0, then: 'remove' } as const;
    const after: Instance = { ...before, goal: 'stopped', stop };
    const events = derive({ instances: [{ before, after }] });
    expect(events.map(({ type, payload }) => [type, payload['condition'] ?? payload['taskStatus']])).toEqual([
      ['unhealthy_instance_kill_event', undefined],
      ['instance_changed_event', 'Running'],
      ['status_update_event', 'TASK_KILLING'],
      ['instance_changed_event', 'Killing'],
    ]);
  });

  it('says nothing twice when an ended instance is removed', () => {
    const ended = { ...placed, status: status({ phase: 'ended' }) };
    expect(typesOf({ instances: [{ before: ended, after: null }] })).toEqual([]);
    expect(typesOf({ instances: [{ before: placed, after: null }] })).toEqual(['instance_changed_event']);
  });
});

describe('events of a deployment', () => {
  it('puts what a step starts after its beginning, and an end after what led to it', () => {
    const begun = { before: deployment, after: { ...deployment, currentStep: 2 } };
    expect(typesOf({ deployments: [begun], instances: [{ before: null, after: { ...placed } }] })).toEqual([
      'deployment_info',
      'add_health_check_event',
      'deployment_step_success',
      'deployment_info',
      'instance_changed_event',
      'instance_changed_event',
      'status_update_event',
    ]);
    const running = { ...deployment, currentStep: 2 };
    const ended: Deployment = { ...running, status: 'succeeded', endedAt: 1 };
    expect(typesOf({ deployments: [{ before: running, after: ended }] })).toEqual([
      'deployment_step_success',
      'deployment_success',
    ]);
  });

  it('tells a replaced deployment before the call that replaced it', () => {
    const facts = [groupChangeSuccess('/shop', NOW, NOW)];
    const ended: Deployment = { ...deployment, status: 'cancelled', reason: 'replaced' };
    const deployments = [
      { before: deployment, after: ended },
      { before: null, after: { ...deployment, currentStep: 1 } },
    ];
    expect(deriveEvents(changes({ deployments }), view, facts).map(({ type }) => type)).toEqual([
      'deployment_failed',
      'group_change_success',
      'deployment_info',
      'add_health_check_event',
    ]);
  });

  it('switches the checks of the old definition off once an app is replaced, or stopped', () => {
    const restart: Deployment = {
      ...deployment,
      steps: [{ actions: [{ action: 'RestartApplication', app: APP }] }],
      changes: [{ appId: APP, before: version, after: version }],
      currentStep: 1,
    };
    expect(typesOf({ deployments: [{ before: { ...restart, currentStep: 0 }, after: restart }] })).toEqual([
      'deployment_info',
      'add_health_check_event',
    ]);
    const done: Deployment = { ...restart, status: 'succeeded' };
    expect(typesOf({ deployments: [{ before: restart, after: done }] })).toEqual([
      'remove_health_check_event',
      'deployment_step_success',
      'deployment_success',
    ]);
    const stop: Deployment = {
      ...restart,
      steps: [{ actions: [{ action: 'StopApplication', app: APP }] }],
      changes: [{ appId: APP, before: version, after: null }],
    };
    expect(typesOf({ deployments: [{ before: { ...stop, currentStep: 0 }, after: stop }] })).toEqual([
      'deployment_info',
      'remove_health_check_event',
    ]);
  });

  it.each([
    [10, 200, true, '/shop'],
    [40, 2_000, false, '/shop'],
    [1_500, 10, false, undefined],
  ])('keeps a line below 64 KiB: %s apps of %s characters', (count, size, isWhole, group) => {
    const apps = Array.from({ length: count }, (_, index) => asAppId(`/shop/app-${index}`));
    const many: Deployment = {
      ...deployment,
      steps: [{ actions: [{ action: 'StartApplication', app: APP }] }],
      changes: apps.map((appId) => {
        const spec = anAppSpec({ id: appId, cmd: 'é'.repeat(size) });
        return { appId, before: null, after: { ...version, spec } };
      }),
      currentStep: 1,
    };
    const showing: EventView = { ...view, showApp: ({ spec }) => ({ id: spec.id, cmd: spec.cmd }) };
    const [info] = derive({ deployments: [{ before: null, after: many }] }, showing);
    expect(Buffer.byteLength(JSON.stringify(info))).toBeLessThan(64 * 1024);
    const { target } = info?.payload['plan'] as { target: { groups: { id: string; apps: object[] }[] } };
    expect(target.groups[0]?.id).toBe(group);
    if (group) expect(target.groups[0]?.apps).toHaveLength(count);
    if (group) expect(target.groups[0]?.apps[0]).toHaveProperty(isWhole ? 'cmd' : 'version');
  });

  it('ends an empty plan at once', () => {
    const empty: Deployment = { ...deployment, steps: [], changes: [], status: 'succeeded' };
    expect(typesOf({ deployments: [{ before: null, after: empty }] })).toEqual(['deployment_success']);
  });

  it('shows the tree before and after, and leaves it out of the light form', () => {
    const ended: Deployment = { ...deployment, status: 'failed', reason: 'no progress', currentStep: 1 };
    const [step, failed] = derive({
      deployments: [{ before: { ...deployment, currentStep: 1 }, after: ended }],
    });
    expect([step?.type, failed?.type]).toEqual(['deployment_step_failure', 'deployment_failed']);
    const plan = failed?.payload['plan'] as { original: { groups: unknown[] }; target: object };
    expect(plan.original.groups).toEqual([]);
    expect(plan.target).toMatchObject({ id: '/', groups: [{ id: '/shop', apps: [{ id: APP }] }] });
    const light = failed && lightPlan(failed).payload['plan'];
    expect(Object.keys(light as object)).toEqual(['id', 'version', 'steps']);
  });
});
