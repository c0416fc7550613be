// A cluster of 5,000 apps with 20,000 running instances on 20 agents, written straight into the store: what takes a night to deploy.
// Every definition is one that people write: image, port with health check, a dozen variables and labels.
import {
  asAgentId,
  asAppId,
  asInstanceId,
  asTaskId,
  parseApp,
  timestampOf,
  type AgentInfo,
  type AgentNode,
  type App,
  type Instance,
  type InstanceStatus,
} from '#libs/model';
import type { Store, Write } from '#libs/store';
import { anAgentInfo, anAgentNode, anInstance, aStatus } from '#libs/testkit';

export const APPS = 5_000;
export const INSTANCES_PER_APP = 4;
export const AGENTS = 20;
const APPS_PER_GROUP = 100;
const WRITES_PER_COMMIT = 2_000;
const HOUR_MS = 3_600_000;

const uuid = (number: number): string =>
  `${number.toString(16).padStart(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
const groupOf = (app: number): string => `/team-${Math.floor(app / APPS_PER_GROUP)}`;
export const appIdAt = (app: number): string => `${groupOf(app)}/service-${app}`;

export const agentInfoAt = (agent: number): AgentInfo =>
  anAgentInfo({
    id: asAgentId(uuid(agent + 1)),
    hostname: `host-${agent}.example`,
    address: `10.0.0.${agent + 1}`,
    attributes: { rack: `r${agent % 4}` },
    resources: { cpus: 2_000, mem: 4_000_000, disk: 4_000_000, ports: [{ from: 31_000, to: 33_000 }] },
    runtimes: ['process', 'docker'],
  });

const definition = (app: number): object => ({
  id: appIdAt(app),
  instances: INSTANCES_PER_APP,
  cpus: 0.5,
  mem: 256,
  container: {
    type: 'DOCKER',
    docker: { image: `registry.example/team/service-${app}:1.4.${app % 50}`, forcePullImage: false },
    volumes: [{ containerPath: '/data', hostPath: '/mnt/data', mode: 'RO' }],
    portMappings: [
      { containerPort: 8080, hostPort: 0, servicePort: 10_000 + app, protocol: 'tcp', name: 'http' },
    ],
  },
  networks: [{ mode: 'container/bridge' }],
  env: Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`SETTING_${at}`, `value-${app}-${at}`])),
  labels: {
    HAPROXY_GROUP: 'external',
    HAPROXY_0_VHOST: `service-${app}.example.com`,
    team: `team-${app % 50}`,
  },
  healthChecks: [
    { protocol: 'HTTP', path: '/health', portIndex: 0, gracePeriodSeconds: 60, intervalSeconds: 10 },
  ],
  upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.2 },
});

function appAt(app: number, now: number): App {
  const parsed = parseApp(definition(app));
  if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed));
  const version = timestampOf(now - HOUR_MS + app);
  return {
    id: parsed.spec.id,
    current: { spec: parsed.spec, version, lastScalingAt: version, lastConfigChangeAt: version },
    removing: false,
    revision: 1,
  };
}

function* instancesOf(app: number, { id, current }: App, now: number): Iterable<[Instance, InstanceStatus]> {
  for (let copy = 0; copy < INSTANCES_PER_APP; copy += 1) {
    const number = app * INSTANCES_PER_APP + copy;
    const name = id.slice(1).replaceAll('/', '_');
    const instanceId = asInstanceId(`${name}.instance-${uuid(number)}`);
    const taskId = asTaskId(`${name}.${uuid(number)}`);
    const startedAt = now - HOUR_MS / 2 + number;
    yield [
      anInstance({
        id: instanceId,
        appId: id,
        version: current.version,
        taskId,
        agentId: agentInfoAt(number % AGENTS).id,
        hostPorts: [31_000 + Math.floor(number / AGENTS)],
        createdAt: startedAt - 2_000,
        placedAt: startedAt - 1_000,
        routing: 'in',
      }),
      aStatus({
        instanceId,
        appId: id,
        taskId,
        startedAt,
        since: startedAt,
        accepting: true,
        health: [
          { alive: true, consecutiveFailures: 0, firstSuccessAt: startedAt, lastSuccessAt: startedAt },
        ],
        ipAddresses: [{ ipAddress: `172.17.${number % 250}.${copy + 2}`, protocol: 'IPv4' }],
      }),
    ];
  }
}

function* writesOf(now: number): Iterable<Write> {
  const version = timestampOf(now - HOUR_MS);
  const groups = new Set(['/', ...Array.from({ length: APPS }, (_, app) => groupOf(app))]);
  for (const id of groups) {
    const group = { id: asAppId(id), dependencies: [], version, enforceRole: false, revision: 1 };
    yield { kind: 'put-group', group };
  }
  for (let agent = 0; agent < AGENTS; agent += 1) {
    const node: AgentNode = anAgentNode({ info: agentInfoAt(agent), since: now });
    yield { kind: 'put-agent', agent: node };
  }
  for (let at = 0; at < APPS; at += 1) {
    const app = appAt(at, now);
    yield { kind: 'put-app', app };
    yield { kind: 'add-version', version: app.current };
    for (const [instance, status] of instancesOf(at, app, now)) {
      yield { kind: 'put-instance', instance };
      yield { kind: 'put-status', id: instance.id, status };
    }
  }
}

/** `now`: epoch ms. The store must be empty, and nobody else may lead it. */
export async function fill(store: Store, now: number): Promise<void> {
  const { epoch } = await store.campaign('bench', 'bench:1', 600_000);
  let writes: Write[] = [];
  const flush = async (): Promise<void> => {
    const { kind } = await store.commit({ epoch, guards: [], writes, events: [] });
    if (kind !== 'committed') throw new Error(`the rows were not written: ${kind}`);
    writes = [];
  };
  for (const write of writesOf(now)) {
    writes.push(write);
    if (writes.length >= WRITES_PER_COMMIT) await flush();
  }
  await flush();
  await store.resign('bench');
}
