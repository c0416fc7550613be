import { describe, expect, it } from '@jest/globals';
import {
  asAppId,
  asDeploymentId,
  asInstanceId,
  asTaskId,
  parseApp,
  showApp,
  timestampOf,
  type AppSpec,
  type AppVersion,
  type Deployment,
  type Instance,
} from '#libs/model';
import { anAgentInfo, anInstance, aStatus } from '#libs/testkit';
import { embedsOfGroup, embedsOfList, embedsOfSingle } from './app-embeds.js';
import { matchesFilter, presentApp, presentCreatedApp, presentVersion } from './apps.js';
import { presentDeployment, presentDeploymentStory } from './deployments.js';
import { presentInfo } from './info.js';
import { presentInstance } from './instances.js';
import { addAttempt, funnelOf, NOTHING_DECLINED, presentQueueItem } from './queue.js';
import { matchesTaskStatus, presentTask, presentTasks, taskStatusFilter, type TaskView } from './tasks.js';
import { containerNetworksOf, tasksAsText } from './tasks-as-text.js';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number) => timestampOf(start + seconds * 1000);

function versionOf(definition: object, { config = 0, scaling = 0, version = 0 } = {}): AppVersion {
  const parsed = parseApp({ id: '/shop/web', cmd: 'sleep 100', ...definition });
  if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed));
  return {
    spec: parsed.spec,
    version: at(version),
    lastScalingAt: at(scaling),
    lastConfigChangeAt: at(config),
  };
}
const app = versionOf({
  portDefinitions: [{ port: 10001 }, { port: 10002 }],
  healthChecks: [{ portIndex: 0 }, { portIndex: 1 }],
});
const agent = anAgentInfo({
  attributes: { rack: 'a' },
  zone: 'z1',
  resources: { cpus: 4, mem: 1024, disk: 100, ports: [{ from: 31000, to: 32000 }] },
});

function taskView(change: Partial<TaskView> = {}, placement: Partial<Instance> = {}): TaskView {
  const instance = anInstance({
    id: asInstanceId('shop_web.instance-1'),
    appId: asAppId('/shop/web'),
    version: at(0),
    taskId: asTaskId('shop_web.1'),
    agentId: agent.id,
    hostPorts: [31001, 31002],
    createdAt: start,
    placedAt: start + 1000,
    routing: 'in',
    ...placement,
  });
  const status = aStatus({
    instanceId: instance.id,
    appId: instance.appId,
    taskId: asTaskId('shop_web.1'),
    startedAt: start + 2000,
    since: start + 2000,
    health: [
      { alive: true, consecutiveFailures: 0, firstSuccessAt: start + 3000, lastSuccessAt: start + 3000 },
      null,
    ],
    accepting: true,
    ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
  });
  return {
    instance,
    status,
    agent,
    spec: app.spec,
    state: 'TASK_RUNNING',
    isActive: true,
    healthy: null,
    ...change,
  };
}

describe('tasks', () => {
  it('have the members of api.md 3.10 and no others', () => {
    expect(presentTask(taskView())).toEqual({
      id: 'shop_web.1',
      appId: '/shop/web',
      host: 'host-1',
      slaveId: 'agent-1',
      state: 'TASK_RUNNING',
      stagedAt: '2026-01-01T00:00:01.000Z',
      startedAt: '2026-01-01T00:00:02.000Z',
      version: '2026-01-01T00:00:00.000Z',
      ports: [31001, 31002],
      servicePorts: [],
      ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
      healthCheckResults: [
        {
          alive: true,
          consecutiveFailures: 0,
          firstSuccess: '2026-01-01T00:00:03.000Z',
          lastSuccess: '2026-01-01T00:00:03.000Z',
          instanceId: 'shop_web.instance-1',
        },
      ],
      localVolumes: [],
      zone: 'z1',
      role: '*',
    });
    expect(presentTask(taskView(), { withServicePorts: true })?.servicePorts).toEqual([10001, 10002]);
  });

  it('show no times and ports when inactive, and do not exist before the first placement', () => {
    const inactive = presentTask(taskView({ isActive: false, state: 'TASK_FAILED' }), {
      withServicePorts: true,
    });
    expect(inactive).toMatchObject({ ports: [], servicePorts: [], state: 'TASK_FAILED' });
    expect(Object.keys(inactive ?? {})).not.toEqual(expect.arrayContaining(['version']));
    const { taskId: _never, ...unplaced } = taskView().instance;
    expect(presentTasks([{ ...taskView(), instance: unplaced }])).toEqual([]);
  });

  it('are filtered by status; unknown words are no filter', () => {
    const [task] = presentTasks([taskView()]);
    if (!task) throw new Error('no task');
    const kept = (...values: string[]) => matchesTaskStatus(task, taskStatusFilter(values));
    expect([kept(), kept('RUNNING'), kept('staging'), kept('staging', 'running'), kept('x')]).toEqual([
      true,
      true,
      false,
      true,
      true,
    ]);
  });

  it('have a text form with a line per service port', () => {
    const tasks = [taskView(), taskView({ state: 'TASK_STAGING' })];
    const portless = versionOf({ portDefinitions: [] }).spec;
    expect(
      tasksAsText(
        [
          { spec: app.spec, tasks },
          { spec: portless, tasks },
        ],
        new Set(),
      ),
    ).toBe('shop_web\t10001\thost-1:31001\t\nshop_web\t10002\thost-1:31002\t\nshop_web\t \thost-1\t\n');
  });

  describe('on a container network', () => {
    const mapping = { containerPort: 80, servicePort: 10_001, protocol: 'tcp' as const, labels: {} };
    const { portDefinitions: _, ...rest } = app.spec;
    const spec: AppSpec = {
      ...rest,
      networks: [{ mode: 'container', name: 'shop' }],
      container: {
        type: 'MESOS',
        volumes: [],
        portMappings: [mapping, { ...mapping, servicePort: 10_002, hostPort: 0 }],
      },
    };
    const view = taskView({ spec }, { hostPorts: [0, 31_002] });
    const task = { ...view, instance: { ...view.instance, ...(view.status ? { status: view.status } : {}) } };

    it('ports without host port are left out of ports and service ports alike', () => {
      expect(presentTask(task, { withServicePorts: true })).toMatchObject({
        ports: [31_002],
        servicePorts: [10_002],
        ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
      });
    });

    it.each([
      ['nobody asked for it', [], ''],
      ['its network is asked for', ['other, shop'], '10.0.0.1:80\t'],
      ['all networks are', ['x', '*'], '10.0.0.1:80\t'],
      ['another one is', ['other'], ''],
    ])('in the text form the own address is there when %s', (_when, asked, address) => {
      const text = tasksAsText([{ spec, tasks: [task] }], containerNetworksOf(asked));
      expect(text).toBe(`shop_web\t10001\t${address}\nshop_web\t10002\thost-1:31002\t\n`);
    });
  });
});

describe('AppInfo', () => {
  const view = {
    version: app,
    tasks: [taskView({ healthy: true }), taskView({}, { placed: false })],
    deployments: ['d1'],
  };

  it('shows what is embedded only', () => {
    const bare = presentApp(view, embedsOfGroup([]), start);
    expect(bare).toEqual({
      ...showApp(app.spec),
      version: app.version,
      versionInfo: { lastScalingAt: at(0), lastConfigChangeAt: at(0) },
    });
    expect(presentApp(view, embedsOfList([]), start)).toEqual({
      ...bare,
      tasksStaged: 0,
      tasksRunning: 1,
      tasksHealthy: 1,
      tasksUnhealthy: 0,
      deployments: [{ id: 'd1' }],
    });
    expect(presentApp(view, embedsOfSingle(['nonsense']), start).tasks).toHaveLength(2);
    expect(presentApp(view, embedsOfList(['readiness']), start).readinessCheckResults).toEqual([]);
  });

  it('takes embeds with each prefix', () => {
    for (const value of ['tasks', 'app.tasks', 'apps.tasks', 'group.apps.tasks'])
      expect(embedsOfList([value]).has('tasks')).toBe(true);
    expect([...embedsOfGroup(['group.apps.counts', 'tasks', 'constructor'])]).toEqual(['counts']);
    expect(embedsOfList(['constructor', 'apps.failures']).has('lastTaskFailure')).toBe(true);
  });

  it('has taskStats over the sets that have tasks', () => {
    const current = versionOf({}, { config: 10, scaling: 20, version: 20 });
    const tasks = [
      taskView({}, { version: at(0) }),
      taskView({}, { version: at(10) }),
      taskView({}, { version: at(20) }),
    ];
    const { taskStats } = presentApp(
      { version: current, tasks, deployments: [] },
      embedsOfList(['taskStats']),
      start + 12_000,
    );
    const counts = (running: number) => ({
      stats: {
        counts: { staged: 0, running, healthy: 0, unhealthy: 0 },
        lifeTime: { averageSeconds: 10, medianSeconds: 10 },
      },
    });
    expect(taskStats).toEqual({
      startedAfterLastScaling: counts(1),
      withLatestConfig: counts(2),
      withOutdatedConfig: counts(1),
      totalSummary: counts(3),
    });
    expect(
      presentApp({ version: current, tasks: [], deployments: [] }, embedsOfList(['taskStats']), start)
        .taskStats,
    ).toEqual({});
  });

  it('counts one that the current config adopted as of the latest config, not as started after the last scaling', () => {
    const current = { ...versionOf({}, { config: 10, scaling: 20, version: 20 }), adopts: [at(0)] };
    const view = { version: current, tasks: [taskView({}, { version: at(0) })], deployments: [] };
    const { taskStats } = presentApp(view, embedsOfList(['taskStats']), start + 12_000);
    expect(Object.keys(taskStats ?? {})).toEqual(['withLatestConfig', 'totalSummary']);
  });

  it('of a 201 has zero counts, its deployment and no versionInfo', () => {
    expect(presentCreatedApp(showApp(app.spec), app.version, 'd1')).toEqual({
      ...showApp(app.spec),
      version: app.version,
      tasksStaged: 0,
      tasksRunning: 0,
      tasksHealthy: 0,
      tasksUnhealthy: 0,
      deployments: [{ id: 'd1' }],
    });
  });

  it('is filtered by id, command and labels', () => {
    const keeps = (filter: Parameters<typeof matchesFilter>[1]) => matchesFilter(app, filter);
    expect([
      keeps({}),
      keeps({ id: 'SHOP' }),
      keeps({ cmd: 'SLEEP' }),
      keeps({ id: 'shop', cmd: 'x' }),
    ]).toEqual([true, true, true, false]);
    expect(matchesFilter(versionOf({ cmd: undefined, args: ['sleep'] }), { cmd: 'sleep' })).toBe(false);
    expect(keeps({ labels: () => false })).toBe(false);
  });
});

describe('deployments', () => {
  const deployment: Deployment = {
    id: asDeploymentId('d1'),
    version: at(0),
    status: 'running',
    steps: [
      { actions: [{ action: 'StartApplication', app: asAppId('/a') }] },
      { actions: [{ action: 'ScaleApplication', app: asAppId('/a') }] },
    ],
    currentStep: 2,
    changes: [],
    victims: [],
    startedAt: start,
    progressAt: start,
    progressMark: '',
    revision: 1,
  };

  it('show their steps and what runs now', () => {
    expect(presentDeployment(deployment)).toEqual({
      id: 'd1',
      version: at(0),
      affectedApps: ['/a'],
      affectedPods: [],
      steps: [
        { actions: [{ action: 'StartApplication', app: '/a' }] },
        { actions: [{ action: 'ScaleApplication', app: '/a' }] },
      ],
      currentActions: [{ action: 'ScaleApplication', app: '/a', readinessCheckResults: [] }],
      currentStep: 2,
      totalSteps: 2,
    });
    expect(presentDeployment({ ...deployment, currentStep: 0 }).currentActions).toEqual([]);
  });

  it('tell how they ended under /v3', () => {
    const ended = presentDeploymentStory({
      ...deployment,
      status: 'failed',
      reason: 'no progress',
      endedAt: start + 1000,
    });
    expect(ended).toMatchObject({ status: 'failed', reason: 'no progress', endedAt: at(1) });
  });
});

describe('the queue', () => {
  const tally = addAttempt(NOTHING_DECLINED, [
    ['InsufficientMemory', 'InsufficientCpus'],
    ['AgentUnreachable'],
    ['InsufficientPorts'],
    [],
  ]);

  it('counts each offer for its first reason, as a funnel of all reasons', () => {
    const shown = funnelOf(tally).map(
      ({ reason, declined, processed }) => `${reason} ${declined}/${processed}`,
    );
    expect(shown).toEqual([
      'UnfulfilledRole 0/4',
      'UnfulfilledConstraint 0/4',
      'NoCorrespondingReservationFound 0/4',
      'AgentMaintenance 1/4',
      'InsufficientCpus 1/3',
      'InsufficientMemory 0/2',
      'InsufficientDisk 0/2',
      'InsufficientGpus 0/2',
      'InsufficientPorts 1/2',
      'DeclinedScarceResources 0/1',
    ]);
  });

  const offers = {
    processedOffersCount: 4,
    unusedOffersCount: 3,
    lastUnusedOfferAt: start,
    lastOffers: tally,
    launchAttempt: tally,
  };

  it('shows delay, summary and the app, the default role left out', () => {
    const item = presentQueueItem(
      { version: app, count: 2, since: start, delayUntil: start + 1500, offers },
      start,
    );
    expect(item).toMatchObject({
      count: 2,
      delay: { timeLeftSeconds: 2, overdue: false },
      since: at(0),
      app: presentVersion(app),
    });
    expect(Object.keys(item)).toEqual(['count', 'delay', 'since', 'processedOffersSummary', 'app']);
    expect(item.processedOffersSummary).toMatchObject({ processedOffersCount: 4, lastUnusedOfferAt: at(0) });
    expect(presentQueueItem({ version: app, count: 2, since: start, offers }, start).delay).toEqual({
      timeLeftSeconds: 0,
      overdue: true,
    });
    expect(
      presentQueueItem({ version: versionOf({ role: 'prod' }), count: 1, since: start, offers }, start).role,
    ).toBe('prod');
  });

  it('shows unused offers when given', () => {
    const lastUnusedOffers = [
      { agent, free: { ...agent.resources, cpus: 0.5 }, reasons: ['DiskLow', 'RuntimeMissing'], at: start },
    ];
    const item = presentQueueItem({ version: app, count: 1, since: start, offers, lastUnusedOffers }, start);
    expect(item.lastUnusedOffers).toEqual([
      {
        offer: {
          id: `agent-1-${start}`,
          hostname: 'host-1',
          agentId: 'agent-1',
          resources: [
            { name: 'cpus', role: '*', scalar: 0.5 },
            { name: 'mem', role: '*', scalar: 1024 },
            { name: 'disk', role: '*', scalar: 100 },
            { name: 'ports', role: '*', ranges: [{ begin: 31000, end: 32000 }] },
          ],
          attributes: [{ name: 'rack', text: 'a' }],
        },
        reason: ['InsufficientDisk', 'UnfulfilledConstraint'],
        timestamp: at(0),
      },
    ]);
  });
});

describe('info and instances', () => {
  it('info keeps its three objects and nulls what has no meaning', () => {
    const view = {
      version: '0.1.0',
      clusterId: 'c',
      elected: true,
      leader: 'h:8080',
      hostname: 'h',
      apiPort: 8080,
      httpsPort: null,
      servicePorts: { from: 10000, to: 20000 },
      allowedOrigins: [],
      features: [],
      launchLimitMs: 300_000,
    };
    expect(presentInfo(view)).toMatchObject({
      name: 'longrun',
      version: '0.1.0',
      leader: 'h:8080',
      frameworkId: 'c',
      marathon_config: {
        mesos_leader_ui_url: null,
        local_port_min: 10000,
        local_port_max: 20000,
        task_launch_timeout: 300_000,
      },
      zookeeper_config: { zk: null },
      http_config: { http_port: 8080, https_port: null },
    });
    expect(presentInfo({ ...view, leader: null })).not.toHaveProperty('leader');
  });

  it('an instance tells its cause and where its stop stands', () => {
    const cause = { kind: 'kill', text: 'killed by a person' } as const;
    const stop = {
      phase: 'draining',
      cause,
      since: start,
      drainUntil: start + 30_000,
      then: 'relaunch',
    } as const;
    expect(presentInstance(taskView({}, { stop }))).toMatchObject({
      id: 'shop_web.instance-1',
      cause: { kind: 'deployment' },
      stop: { phase: 'draining', cause, drainUntil: at(30), then: 'relaunch' },
      task: { id: 'shop_web.1', servicePorts: [10001, 10002] },
    });
  });
});
