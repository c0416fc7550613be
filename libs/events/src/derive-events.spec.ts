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
import { aHealthCheck, anInstance, aStatus } from '#libs/testkit';
import { deriveEvents, type ChangeSet } from './derive-events.js';
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
const typesOf = (change: Partial<ChangeSet>): string[] =>
  deriveEvents(changes(change), view).map(({ type }) => type);

describe('events of an instance', () => {
  it('tells a counted failure, the flip of the check and of the whole, in this order', () => {
    const before = { ...placed, status: status({ health: [health(true, 0)] }) };
    const after = { ...placed, status: status({ health: [health(false, 1)], sequence: 2 }) };
    const events = deriveEvents(changes({ instances: [{ before, after }] }), view);
    expect(events.map(({ type }) => type)).toEqual([
      'failed_health_check_event',
      'health_status_changed_event',
      'instance_health_changed_event',
    ]);
    expect(events[0]?.payload['taskId']).toBe(placed.id);
    expect(events[1]?.payload).toMatchObject({ taskId: 'shop_web.1', alive: false });
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
    const events = deriveEvents(changes({ instances: [{ before, after }] }), view);
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
      'deployment_step_success',
      'deployment_info',
      'add_health_check_event',
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

  it('ends an empty plan at once', () => {
    const empty: Deployment = { ...deployment, steps: [], changes: [], status: 'succeeded' };
    expect(typesOf({ deployments: [{ before: null, after: empty }] })).toEqual(['deployment_success']);
  });

  it('shows the tree before and after, and leaves it out of the light form', () => {
    const ended: Deployment = { ...deployment, status: 'failed', reason: 'no progress', currentStep: 1 };
    const [step, failed] = deriveEvents(
      changes({ deployments: [{ before: { ...deployment, currentStep: 1 }, after: ended }] }),
      view,
    );
    expect([step?.type, failed?.type]).toEqual(['deployment_step_failure', 'deployment_failed']);
    const plan = failed?.payload['plan'] as { original: { groups: unknown[] }; target: object };
    expect(plan.original.groups).toEqual([]);
    expect(plan.target).toMatchObject({ id: '/', groups: [{ id: '/shop', apps: [{ id: APP }] }] });
    const light = failed && lightPlan(failed).payload['plan'];
    expect(Object.keys(light as object)).toEqual(['id', 'version', 'steps']);
  });
});
