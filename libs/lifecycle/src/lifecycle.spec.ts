import { describe, expect, test } from '@jest/globals';
import { asAgentId, asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type {
  App,
  AppSpec,
  AppVersion,
  HealthCheck,
  HealthResult,
  Instance,
  InstanceStatus,
} from '#libs/model';
import { aHealthCheck, anAppSpec } from '#libs/testkit';
import { aStatus as anyStatus, aVersion as anyVersion, anInstance as anyInstance } from '#libs/testkit';
import { assignmentOf, launchSpecOf } from './assignment.js';
import { conditionOf, taskStateOf } from './condition.js';
import { taskEnvironment } from './environment.js';
import { countsForDelay, failureOf } from './failure.js';
import { currentDelay, delayAdvanced, delayAfterFailure } from './launch-delay.js';
import { failedCheck, healthOf, isReady } from './readiness.js';
import { acceptStatus } from './status-order.js';

const NOW = 1_700_000_000_000;
const AGENT = asAgentId('agent-1');
const APP = asAppId('/shop/web');
const INSTANCE = asInstanceId('shop_web.instance-1');
const TASK = asTaskId('shop_web.1');

const aVersion = (more: Partial<AppSpec> = {}): AppVersion =>
  anyVersion(anAppSpec({ id: APP, cpus: 0.1, portDefinitions: [], ...more }), NOW);

function aStatus(more: Partial<InstanceStatus> = {}): InstanceStatus {
  return anyStatus({
    ...{ instanceId: INSTANCE, appId: APP, taskId: TASK, incarnation: 2, sequence: 5, since: NOW },
    ...more,
  });
}
function anInstance(status: Partial<InstanceStatus> | null, more: Partial<Instance> = {}): Instance {
  return anyInstance({
    ...{ id: INSTANCE, appId: APP, taskId: TASK, incarnation: 2, agentId: AGENT },
    ...{ version: timestampOf(NOW), createdAt: NOW, placedAt: NOW, hostPorts: [31_000, 31_001] },
    cause: { kind: 'deployment', text: '' },
    ...(status ? { status: aStatus(status) } : {}),
    ...more,
  });
}
const stop = {
  phase: 'unrouting' as const,
  cause: { kind: 'health' as const, text: 'sick' },
  since: NOW,
  then: 'relaunch' as const,
};
const exit = { requested: false, outOfMemory: false, message: 'bang' };

describe('condition and task state', () => {
  test.each<[string, Instance, string, string]>([
    ['never placed', anInstance(null, { placed: false, incarnation: 0 }), 'Scheduled', 'TASK_STAGING'],
    ['placed, nothing reported', anInstance(null), 'Provisioned', 'TASK_STAGING'],
    ['report of an older incarnation', anInstance({ incarnation: 1 }), 'Provisioned', 'TASK_STAGING'],
    ['pulling', anInstance({ phase: 'pulling' }), 'Staging', 'TASK_STAGING'],
    ['starting', anInstance({ phase: 'starting' }), 'Starting', 'TASK_STARTING'],
    ['running', anInstance({}), 'Running', 'TASK_RUNNING'],
    ['a stop under way', anInstance({}, { stop }), 'Killing', 'TASK_KILLING'],
    ['agent lost', anInstance({}, { unreachableSince: NOW }), 'UnreachableInactive', 'TASK_UNREACHABLE'],
    ['exit 0', anInstance({ phase: 'ended', exit: { ...exit, code: 0 } }), 'Finished', 'TASK_FINISHED'],
    ['exit 1', anInstance({ phase: 'ended', exit: { ...exit, code: 1 } }), 'Failed', 'TASK_FAILED'],
    ['exit unknown', anInstance({ phase: 'ended', exit }), 'Failed', 'TASK_FAILED'],
    [
      'asked to end',
      anInstance({ phase: 'ended', exit: { ...exit, requested: true } }),
      'Killed',
      'TASK_KILLED',
    ],
    ['waiting again', anInstance({ phase: 'ended', exit }, { placed: false }), 'Failed', 'TASK_FAILED'],
    [
      'no image',
      anInstance({ phase: 'rejected', reject: { reason: 'image-not-found', message: '' } }),
      'Error',
      'TASK_ERROR',
    ],
    [
      'a registry that does not answer',
      anInstance({ phase: 'rejected', reject: { reason: 'temporary', message: '' } }),
      'Failed',
      'TASK_FAILED',
    ],
    [
      'port taken',
      anInstance({ phase: 'rejected', reject: { reason: 'port-taken', message: '' } }),
      'Dropped',
      'TASK_DROPPED',
    ],
  ])('%s', (_, instance, condition, state) => {
    expect(conditionOf(instance, NOW)).toBe(condition);
    expect(taskStateOf(instance, NOW)).toBe(state);
  });

  test('unreachable until inactiveAfterSeconds, for ever when disabled', () => {
    const lost = anInstance({}, { unreachableSince: NOW });
    const strategy = { inactiveAfterSeconds: 10, expungeAfterSeconds: 20 };
    expect(conditionOf(lost, NOW + 9_999, strategy)).toBe('Unreachable');
    expect(conditionOf(lost, NOW + 10_000, strategy)).toBe('UnreachableInactive');
    expect(conditionOf(lost, NOW + 1e9, 'disabled')).toBe('Unreachable');
  });
});

describe('health and readiness', () => {
  const well: HealthResult = { alive: true, consecutiveFailures: 0 };
  const sick = (consecutiveFailures: number): HealthResult => ({ alive: false, consecutiveFailures });
  const two = aVersion({ healthChecks: [aHealthCheck(), aHealthCheck()] });

  test.each<[readonly (HealthResult | null)[], boolean | null]>([
    [[well, well], true],
    [[well, null], null],
    [[sick(1), null], null],
    [[sick(1), well], false],
    [[], null],
  ])('%j is %p', (health, expected) => {
    expect(healthOf(anInstance({ health }), two)).toBe(expected);
  });

  test('no checks: ready when the port accepts; no ports either: when it runs', () => {
    const ports = aVersion({ portDefinitions: [{ port: 0, protocol: 'tcp', labels: {} }] });
    const udp = aVersion({ portDefinitions: [{ port: 0, protocol: 'udp', labels: {} }] });
    expect(isReady(anInstance({}), ports, NOW)).toBe(false);
    expect(isReady(anInstance({ accepting: true }), ports, NOW)).toBe(true);
    expect(isReady(anInstance({}), udp, NOW)).toBe(true);
    expect(isReady(anInstance({}), aVersion(), NOW)).toBe(true);
    expect(isReady(anInstance({ phase: 'starting' }), aVersion(), NOW)).toBe(false);
  });

  test.each<[HealthCheck['protocol'], number, number, boolean]>([
    ['HTTP', 3, 3, false],
    ['HTTP', 3, 4, true],
    ['TCP', 1, 2, true],
    ['HTTPS', 0, 100, false],
    ['COMMAND', 3, 2, false],
    ['COMMAND', 3, 3, true],
    ['MESOS_HTTP', 0, 1, true],
  ])('%s with max %p after %p failures kills: %p', (protocol, maxConsecutiveFailures, failures, kills) => {
    const version = aVersion({ healthChecks: [aHealthCheck({ protocol, maxConsecutiveFailures })] });
    expect(failedCheck(anInstance({ health: [sick(failures)] }), version) !== null).toBe(kills);
  });
});

describe('launch delay', () => {
  const version = aVersion();
  const app = (launchDelay?: App['launchDelay']): App => ({
    id: version.spec.id,
    current: version,
    removing: false,
    revision: 1,
    ...(launchDelay ? { launchDelay } : {}),
  });

  test('grows by the factor up to the maximum, and is forgotten after maxLaunchDelaySeconds', () => {
    const first = delayAfterFailure(app(), NOW);
    const second = delayAfterFailure(app(first), NOW + 1_000);
    expect([first.delayMs, second.delayMs, second.until]).toEqual([1_000, 1_150, NOW + 2_150]);
    const longest = delayAfterFailure(app({ ...second, delayMs: 299_000 }), NOW);
    expect(longest.delayMs).toBe(300_000);
    expect(currentDelay(app(first), NOW + 300_000)).toEqual(first);
    expect(currentDelay(app(first), NOW + 300_001)).toBeUndefined();
  });

  test('another config starts without, and a launch moves the deadline only', () => {
    const first = delayAfterFailure(app(), NOW);
    const changed = { ...version, lastConfigChangeAt: timestampOf(NOW + 1) };
    expect(currentDelay({ ...app(first), current: changed }, NOW)).toBeUndefined();
    expect(delayAdvanced(first, NOW + 5_000)).toMatchObject({ delayMs: 1_000, until: NOW + 6_000 });
  });

  test('who counts', () => {
    const ended = (more: Partial<InstanceStatus>): boolean => countsForDelay(anInstance(more));
    expect(ended({ phase: 'ended', exit: { ...exit, code: 0 } })).toBe(true);
    expect(ended({ phase: 'ended', exit: { ...exit, requested: true } })).toBe(false);
    expect(ended({ phase: 'rejected', reject: { reason: 'invalid', message: '' } })).toBe(true);
    expect(ended({ phase: 'rejected', reject: { reason: 'port-taken', message: '' } })).toBe(false);
  });
});

describe('the environment of a task', () => {
  const environment = (more: Partial<AppSpec>): Record<string, string> =>
    taskEnvironment({
      version: aVersion(more),
      taskId: asTaskId('shop_web.1'),
      instanceId: INSTANCE,
      hostname: 'node-1',
      hostPorts: [31_000, 31_001],
    });

  test('host networking', () => {
    const ports = [
      { port: 10_000, protocol: 'tcp' as const, name: 'http-api', labels: {} },
      { port: 0, protocol: 'tcp' as const, labels: {} },
    ];
    const labels = { 'a.b-c': 'x', long: 'v'.repeat(512) };
    expect(environment({ portDefinitions: ports, labels, env: { HOST: 'mine' } })).toEqual({
      MARATHON_APP_ID: '/shop/web',
      MARATHON_APP_VERSION: timestampOf(NOW),
      MARATHON_APP_RESOURCE_CPUS: '0.1',
      MARATHON_APP_RESOURCE_MEM: '128.0',
      MARATHON_APP_RESOURCE_DISK: '0.0',
      MARATHON_APP_RESOURCE_GPUS: '0',
      MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
      MARATHON_APP_LABELS: 'A_B_C',
      MARATHON_APP_LABEL_A_B_C: 'x',
      MESOS_TASK_ID: 'shop_web.1',
      HOST: 'mine',
      PORT: '31000',
      PORTS: '31000,31001',
      PORT0: '31000',
      PORT1: '31001',
      PORT_10000: '31000',
      PORT_31001: '31001',
      'PORT_HTTP-API': '31000',
    });
  });

  test('no ports: no PORT variable at all', () => {
    expect(Object.keys(environment({})).filter((each) => each.startsWith('PORT'))).toEqual([]);
  });

  test('bridge: the container port names it; 0 becomes the host port', () => {
    const { portDefinitions: _, ...spec } = aVersion().spec;
    const mapping = { servicePort: 0, hostPort: 0, protocol: 'tcp' as const, labels: {} };
    const version: AppVersion = {
      ...aVersion(),
      spec: {
        ...spec,
        networks: [{ mode: 'container/bridge' }],
        container: {
          type: 'DOCKER',
          docker: { image: 'nginx', forcePullImage: false, privileged: false, parameters: [] },
          volumes: [],
          portMappings: [
            { ...mapping, containerPort: 80 },
            { ...mapping, containerPort: 0 },
          ],
        },
      },
    };
    const placed = { id: INSTANCE, taskId: asTaskId('shop_web.1'), hostPorts: [31_000, 31_001] };
    const launch = launchSpecOf(placed, version, { hostname: 'node-1' });
    expect(launch).toMatchObject({
      runtime: 'docker',
      network: 'bridge',
      image: 'nginx',
      killGraceMs: 10_000,
    });
    expect(launch.ports.map((each) => each.containerPort)).toEqual([80, 31_001]);
    expect(launch.env).toMatchObject({
      PORT0: '31000',
      PORT_80: '31000',
      PORT_31001: '31001',
      MARATHON_APP_DOCKER_IMAGE: 'nginx',
    });
  });
});

describe('assignments', () => {
  test('the agent is told to stop in the last phase only, and never sees the drain label', () => {
    const version = aVersion({ labels: { 'longrun.io/drain-seconds': '5', team: 'a' } });
    const goalOf = (phase: 'unrouting' | 'draining' | 'killing'): unknown =>
      assignmentOf(anInstance({}, { stop: { ...stop, phase } }), version, undefined, { hostname: 'n' })?.goal;
    expect([goalOf('unrouting'), goalOf('draining'), goalOf('killing')]).toEqual(['run', 'run', 'stop']);
    expect(assignmentOf(anInstance({}), version, undefined, { hostname: 'n' })?.launch.labels).toEqual({
      team: 'a',
    });
    expect(assignmentOf(anInstance({}, { placed: false }), version, undefined, { hostname: 'n' })).toBeNull();
  });
});

describe('lastTaskFailure', () => {
  test('of a crash, a rejection and a health kill; not of an ordinary kill', () => {
    const agent = { hostname: 'node-1' };
    const crash = anInstance({ phase: 'ended', exit: { ...exit, code: 1 } });
    expect(failureOf(crash, agent)).toMatchObject({ state: 'TASK_FAILED', message: 'bang', host: 'node-1' });
    const killed = { phase: 'ended' as const, exit: { ...exit, requested: true } };
    expect(failureOf(anInstance(killed, { stop }), agent)).toMatchObject({
      state: 'TASK_KILLED',
      message: 'sick',
    });
    expect(failureOf(anInstance(killed), agent)).toBeNull();
  });
});

describe('which reports count', () => {
  const stored = anInstance({ run: 2, sequence: 5 });
  test.each<[string, Partial<InstanceStatus>, string, boolean]>([
    ['newer sequence', { run: 2, sequence: 6 }, 'agent-1', true],
    ['the same again', { run: 2, sequence: 5 }, 'agent-1', false],
    ['older run', { run: 1, sequence: 99 }, 'agent-1', false],
    ['newer run', { run: 3, sequence: 1 }, 'agent-1', true],
    ['another agent', { run: 9, sequence: 9 }, 'agent-2', false],
    ['older incarnation', { run: 9, sequence: 9, incarnation: 1 }, 'agent-1', false],
    ['newer incarnation', { run: 2, sequence: 6, incarnation: 3, taskId: asTaskId('x') }, 'agent-1', true],
    ['another task of this incarnation', { run: 9, sequence: 9, taskId: asTaskId('x') }, 'agent-1', false],
    [
      'started by the agent itself',
      { run: 9, sequence: 9, taskId: asTaskId('x'), autonomous: true },
      'agent-1',
      true,
    ],
  ])('%s', (_, status, reporter, expected) => {
    expect(acceptStatus(stored, aStatus(status), asAgentId(reporter))).toBe(expected);
  });
});
