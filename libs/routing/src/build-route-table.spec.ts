import { describe, expect, it } from '@jest/globals';
import {
  asAgentId,
  asAppId,
  asInstanceId,
  asTaskId,
  timestampOf,
  type App,
  type AppSpec,
  type AppVersion,
  type Instance,
  type PortDefinition,
} from '#libs/model';
import {
  anAgentInfo,
  anAppSpec,
  anInstance as anyInstance,
  aPortDefinition,
  aStatus,
  aVersion as anyVersion,
} from '#libs/testkit';
import { buildRouteTable, routeWarnings, type RoutedApp } from './build-route-table.js';

const port = (more: Partial<PortDefinition> = {}): PortDefinition =>
  aPortDefinition({ port: 10_001, ...more });

function aVersion(id: string, spec: Partial<AppSpec> = {}, changedAt = 0): AppVersion {
  const more = { id: asAppId(id), instances: 2, portDefinitions: [port()], ...spec };
  return anyVersion(anAppSpec(more), changedAt);
}

const anApp = (current: AppVersion, more: Partial<App> = {}): App => ({
  id: current.spec.id,
  current,
  removing: false,
  revision: 1,
  ...more,
});

function anInstance(name: string, more: Partial<Instance> = {}): Instance {
  return anyInstance({
    id: asInstanceId(`web.instance-${name}`),
    version: timestampOf(0),
    taskId: asTaskId(`web.${name}`),
    hostPorts: [31_001],
    cause: { kind: 'deployment', text: 'deployed' },
    routing: 'in',
    ...more,
  });
}

const agent = anAgentInfo({ id: asAgentId('agent-1'), address: '192.0.2.7', zone: 'z1' });

const routed = (
  app: App,
  instances: Instance[] = [],
  versionOf: RoutedApp['versionOf'] = () => app.current,
): RoutedApp => ({
  app,
  instances,
  versionOf,
});
const build = (...apps: RoutedApp[]) =>
  buildRouteTable({
    cluster: 'c',
    epoch: 2,
    number: 5,
    madeAt: timestampOf(0),
    apps,
    agentOf: (id) => (id === agent.id ? agent : undefined),
    servicePortRange: { from: 10_000, to: 10_010 },
  });
const warn = (...apps: RoutedApp[]): string[] =>
  routeWarnings({ apps, servicePortRange: { from: 10_000, to: 10_010 } }).map(({ text }) => text);
const reason = (instance: Instance, more: Partial<App> = {}): string =>
  build(routed(anApp(aVersion('/web'), more), [{ ...instance, routing: 'out' }])).services[0]?.emptyReason ??
  '';

describe('route table', () => {
  it.each([
    ['5', 5_000],
    ['0', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('tells how long what is in flight may go on, from the version of each task: %s', (label, drainMs) => {
    const current = aVersion('/web');
    const older = aVersion('/web', {
      labels: label === undefined ? {} : { 'longrun.io/drain-seconds': label },
    });
    const table = build(routed(anApp(current), [anInstance('a')], () => older));
    expect(table.services[0]?.targets[0]?.drainMs).toBe(drainMs);
  });

  it('tells the names of ports', () => {
    const app = anApp(aVersion('/web', { portDefinitions: [port({ name: 'http' }), port({ port: 0 })] }));
    expect(build(routed(app)).services.map(({ portName }) => portName)).toEqual(['http', undefined]);
  });

  it('has one service per TCP port, with the routed tasks at their host ports', () => {
    const app = anApp(
      aVersion('/web', {
        portDefinitions: [port(), port({ port: 0, protocol: 'udp' }), port({ port: 0, protocol: 'udp,tcp' })],
      }),
    );
    const hostPorts = [31_001, 31_002, 31_003];
    const table = build(
      routed(app, [
        anInstance('b', { hostPorts, routing: 'suspect' }),
        anInstance('a', { hostPorts }),
        anInstance('c', { hostPorts, routing: 'out' }),
      ]),
    );
    expect(table).toMatchObject({ cluster: 'c', epoch: 2, number: 5 });
    const place = { host: '192.0.2.7', port: 31_001, version: timestampOf(0), zone: 'z1' };
    expect(table.services.map(({ portIndex, servicePort }) => [portIndex, servicePort])).toEqual([
      [0, 10_001],
      [2, undefined],
    ]);
    expect(table.services[0]).toEqual({
      appId: '/web',
      portIndex: 0,
      servicePort: 10_001,
      mode: 'auto',
      hosts: [],
      sticky: false,
      redirectToHttps: false,
      emptyReason: '',
      targets: [
        { taskId: 'web.a', instanceId: 'web.instance-a', suspect: false, ...place },
        { taskId: 'web.b', instanceId: 'web.instance-b', suspect: true, ...place },
      ],
    });
    expect(table.services[1]?.targets.map((each) => each.port)).toEqual([31_003, 31_003]);
  });

  it('tells the shares of the traffic, and each task under the version of its share', () => {
    const [first, scaled, second] = [
      aVersion('/web', {}, 0),
      aVersion('/web', {}, 0),
      aVersion('/web', {}, 9),
    ];
    const versions = new Map([
      ['a', { ...first, version: timestampOf(0) }],
      ['b', { ...scaled, version: timestampOf(5) }],
      ['c', { ...second, version: timestampOf(9) }],
    ]);
    const pin = { by: 'cookie', name: 'canary', value: '1', version: timestampOf(9) } as const;
    const traffic = {
      shares: [
        { version: timestampOf(0), config: first.lastConfigChangeAt, weight: 9 },
        { version: timestampOf(9), config: second.lastConfigChangeAt, weight: 1 },
      ],
      pins: [pin],
      since: 0,
      cause: { kind: 'request', text: 'a person' } as const,
    };
    const app = anApp({ ...second, version: timestampOf(9) }, { traffic });
    const table = build(
      routed(app, [anInstance('a'), anInstance('b'), anInstance('c')], ({ id }) => {
        const version = versions.get(id.slice(-1));
        if (!version) throw new Error('no version');
        return version;
      }),
    );
    expect(table.services[0]?.targets.map(({ version }) => version)).toEqual([0, 0, 9].map(timestampOf));
    expect(table.services[0]?.traffic).toEqual({
      shares: [
        { version: timestampOf(0), weight: 9 },
        { version: timestampOf(9), weight: 1 },
      ],
      pins: [pin],
    });
  });

  it('asks each instance own version for its ports', () => {
    const app = anApp(aVersion('/web', { portDefinitions: [port(), port({ port: 10_002 })] }, 5));
    const old = aVersion('/web');
    const table = build(
      routed(
        app,
        [anInstance('new', { version: app.current.version, hostPorts: [31_005, 31_006] }), anInstance('old')],
        (instance) => (instance.version === app.current.version ? app.current : old),
      ),
    );
    expect(table.services.map(({ targets }) => targets.map((each) => each.port))).toEqual([
      [31_005, 31_001],
      [31_006],
    ]);
  });

  describe('on a container network', () => {
    const mapping = { containerPort: 8080, servicePort: 10_001, protocol: 'tcp' as const, labels: {} };
    const { portDefinitions: _, ...spec } = aVersion('/web').spec;
    const portMappings = [
      mapping,
      { ...mapping, servicePort: 0, hostPort: 0 },
      { ...mapping, servicePort: 0, containerPort: 0 },
    ];
    const app = anApp({
      ...aVersion('/web'),
      spec: {
        ...spec,
        networks: [{ mode: 'container', name: 'shop' }],
        container: { type: 'MESOS', volumes: [], portMappings },
      },
    });
    const at = (name: string, ...addresses: string[]): Instance =>
      anInstance(name, {
        hostPorts: [0, 31_001, 0],
        status: aStatus({
          taskId: asTaskId(`web.${name}`),
          ipAddresses: addresses.map((ipAddress) => ({ ipAddress, protocol: 'IPv4' })),
        }),
      });
    const targetsOf = (...instances: Instance[]): string[][] =>
      build(routed(app, instances)).services.map(({ targets }) =>
        targets.map(({ host, port: number }) => `${host}:${number}`),
      );

    it('a port without host port is reached at the first address of its task, at the container port', () => {
      const [fixed, published, generated] = targetsOf(
        at('a', '172.20.0.2', '172.21.0.2'),
        at('b', '172.20.0.3'),
      );
      expect(fixed).toEqual(['172.20.0.2:8080', '172.20.0.3:8080']);
      expect(published).toEqual(['192.0.2.7:31001', '192.0.2.7:31001']);
      expect(generated).toEqual([
        expect.stringMatching(/^172\.20\.0\.2:\d{4,5}$/),
        expect.stringMatching(/^172\.20\.0\.3:\d{4,5}$/),
      ]);
    });

    it('a task whose address is unknown, or was another task before it, is no target there', () => {
      const older = { ...at('a', '172.20.0.2'), taskId: asTaskId('web.next') };
      expect(targetsOf(at('b'), older)).toEqual([[], ['192.0.2.7:31001', '192.0.2.7:31001'], []]);
      expect(reason(at('b'))).toBe('1 instance running, without an address on its container network');
    });

    it('addresses that nothing is reached at do not change the table', () => {
      const published = (...addresses: string[]): Instance => ({
        ...at('a', ...addresses),
        hostPorts: [31_001],
      });
      const bridged = anApp(aVersion('/web'));
      expect(build(routed(bridged, [published('172.20.0.2')]))).toEqual(
        build(routed(bridged, [published()])),
      );
    });

    it('warns that proxies elsewhere need a route', () => {
      expect(warn(routed(app))).toEqual([
        expect.stringMatching(/^port 0 has no host port.* on network 'shop'.*'hostPort': 0$/),
        expect.stringMatching(/^port 2 has no host port/),
      ]);
    });
  });

  it('leaves out apps that are being removed and instances whose agent is unknown', () => {
    expect(build(routed(anApp(aVersion('/web'), { removing: true }), [anInstance('a')])).services).toEqual(
      [],
    );
    expect(
      build(routed(anApp(aVersion('/web')), [anInstance('a', { agentId: asAgentId('?') })])).services[0]
        ?.targets,
    ).toEqual([]);
  });

  it('gives a service port to the app that was configured first, and none outside the range', () => {
    const young = routed(anApp(aVersion('/a', {}, 20)));
    const old = routed(anApp(aVersion('/b', {}, 10)));
    const outside = routed(anApp(aVersion('/c', { portDefinitions: [port({ port: 80 })] })));
    expect(build(young, old, outside).services.map(({ appId, servicePort }) => [appId, servicePort])).toEqual(
      [
        ['/a', undefined],
        ['/b', 10_001],
        ['/c', undefined],
      ],
    );
    expect(warn(young, old, outside)).toEqual([
      'service port 10001 (portDefinitions[0].port) already belongs to /b; choose another one, or 0, for one that Longrun chooses',
      'service port 80 (portDefinitions[0].port) is not opened: it is outside 10000-10010 (--service-ports); choose one inside, or 0, for one that Longrun chooses',
    ]);
    const labels = { HAPROXY_1_PORT: '81', HAPROXY_2_PORT: '10011', HAPROXY_0_PORT: 'http' };
    const portMappings = [82, 10_002, 10_003].map((servicePort) => ({
      ...({ containerPort: 80, servicePort, protocol: 'tcp', labels: {}, hostPort: 0 } as const),
    }));
    const { portDefinitions: _, ...spec } = anAppSpec({ id: asAppId('/d') });
    const container = { type: 'MESOS', volumes: [], portMappings } as const;
    expect(warn(routed(anApp({ ...aVersion('/d'), spec: { ...spec, labels, container } })))).toEqual([
      expect.stringMatching(/^service port 82 \(container\.portMappings\[0\]\.servicePort\) is not opened/),
      expect.stringMatching(/^service port 81 \(HAPROXY_1_PORT\) is not opened: .*, or remove the label$/),
      expect.stringMatching(/^service port 10011 \(HAPROXY_2_PORT\) is not opened/),
      expect.stringMatching(/^HAPROXY_0_PORT "http" is not used/),
    ]);
  });

  it('reads labels of the app and of the port, the most particular first', () => {
    const app = anApp(
      aVersion('/web', {
        labels: {
          HAPROXY_0_VHOST: 'Shop.Example, www.shop.example.',
          HAPROXY_0_PATH: '/api/',
          HAPROXY_MODE: 'http',
          HAPROXY_1_MODE: 'tcp',
          HAPROXY_0_STICKY: 'true',
        },
        portDefinitions: [port(), port({ port: 0, labels: { HAPROXY_REDIRECT_TO_HTTPS: 'true' } })],
      }),
    );
    const [first, second] = build(routed(app)).services;
    expect(first).toMatchObject({
      hosts: ['shop.example', 'www.shop.example'],
      path: '/api',
      mode: 'http',
      sticky: true,
      redirectToHttps: false,
    });
    expect(second).toMatchObject({ hosts: [], mode: 'tcp', sticky: false, redirectToHttps: true });
    expect(warn(routed(app))).toEqual([
      expect.stringMatching(/^HAPROXY_REDIRECT_TO_HTTPS has no effect without HAPROXY_1_VHOST/),
    ]);
  });

  it('warns of labels without effect and of UDP', () => {
    const labels = {
      HAPROXY_0_VHOST: 'a:80',
      HAPROXY_0_PATH: 'api',
      HAPROXY_0_MODE: 'grpc',
      HAPROXY_0_BACKEND_HEAD: 'x',
    };
    const app = anApp(aVersion('/web', { labels, portDefinitions: [port({ protocol: 'udp,tcp' })] }));
    const texts = warn(routed(app)).join('\n');
    expect(texts).toMatch(/HAPROXY_0_VHOST: the virtual host "a:80" is not used/);
    expect(texts).toMatch(/HAPROXY_0_PATH: the path "api" is not used: it must begin with a slash/);
    expect(texts).toMatch(/HAPROXY_0_MODE "grpc" is not used: it must be http, tcp or auto/);
    expect(texts).toMatch(/UDP of port 0 is not proxied/);
    expect(texts).toMatch(/HAPROXY_0_BACKEND_HEAD: no effect.*longrun\.io\/balance/);
    expect(warn(routed(anApp(aVersion('/web', { labels: { HAPROXY_0_PATH: '/x' } }))))).toEqual([
      'the path label of port 0 has no effect without HAPROXY_0_VHOST or longrun.io/host',
    ]);
  });

  describe('says why a service has no target', () => {
    const status = aStatus({
      instanceId: asInstanceId('web.instance-a'),
      taskId: asTaskId('web.a'),
      accepting: true,
    });

    it('from the states of its instances', () => {
      expect(reason(anInstance('a'))).toBe('1 instance starting');
      expect(reason(anInstance('a', { placed: false }))).toBe('1 instance waiting to be launched');
      expect(reason(anInstance('a', { status: { ...status, accepting: false } }))).toContain('not accepting');
      expect(reason(anInstance('a', { status, asksReadiness: true }))).toBe(
        '1 instance running, and the readiness check has not succeeded so far',
      );
      const failed = { alive: false, consecutiveFailures: 2, lastFailureCause: 'DB_PASSWORD=hunter2' };
      expect(reason(anInstance('a', { status: { ...status, health: [failed] } }))).toBe(
        '1 instance unhealthy',
      );
    });

    it('when none is wanted, whatever became of those before', () => {
      const app = anApp(aVersion('/web', { instances: 0 }));
      for (const left of [[], [anInstance('a', { routing: 'out' })]])
        expect(build(routed(app, left)).services[0]?.emptyReason).toBe('the app is scaled to 0 instances');
    });

    it('without a word of how tasks failed, for strangers read it', () => {
      const lastTaskFailure = {
        appId: asAppId('/web'),
        host: 'h',
        message: 'exit status 1\nDB_PASSWORD=hunter2',
        state: 'TASK_FAILED',
        taskId: asTaskId('web.a'),
        instanceId: asInstanceId('web.instance-a'),
        timestamp: timestampOf(0),
        version: timestampOf(0),
      };
      expect(reason(anInstance('a'), { lastTaskFailure })).toBe('1 instance starting');
      const delay = { delayMs: 5_000, until: 0, referenceAt: 0, configVersion: timestampOf(0) };
      expect(reason(anInstance('a', { placed: false }), { lastTaskFailure, launchDelay: delay })).toMatch(
        /^1 instance waiting to be launched, after failures not before 1970-01-01T00:00:00.000Z$/,
      );
    });
  });
});
