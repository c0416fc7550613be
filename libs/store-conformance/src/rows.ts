// Rows for the suite: as small as their types allow, each different where a test looks.
import {
  asAgentId,
  asAppId,
  asDeploymentId,
  asInstanceId,
  asProxyId,
  asTaskId,
  timestampOf,
} from '#libs/model';
import type {
  AgentNode,
  App,
  AppSpec,
  AppVersion,
  Deployment,
  Instance,
  InstanceStatus,
  ProxyNode,
} from '#libs/model';
import type { NewEvent } from '#libs/events';

const START = 1_790_000_000_000;

export const aSpec = (app: string): AppSpec => ({
  id: asAppId(app),
  cmd: 'sleep 1000',
  env: { QUOTES: `'"\\{},NULL`, UNICODE: 'grüß 🚀' },
  instances: 2,
  cpus: 0.5,
  mem: 64,
  disk: 0,
  constraints: [],
  networks: [{ mode: 'host' }],
  portDefinitions: [{ port: 10_000, protocol: 'tcp', labels: {} }],
  requirePorts: false,
  healthChecks: [],
  labels: {},
  upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
  backoffSeconds: 1,
  backoffFactor: 1.15,
  maxLaunchDelaySeconds: 300,
  dependencies: [],
  killSelection: 'YOUNGEST_FIRST',
  unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
  role: '*',
});

/** `number` orders the versions. */
export function aVersion(app: string, number: number): AppVersion {
  const version = timestampOf(START + number);
  return { spec: aSpec(app), version, lastScalingAt: version, lastConfigChangeAt: version };
}

export const anApp = (app: string, revision = 1, version = 1): App => ({
  id: asAppId(app),
  current: aVersion(app, version),
  removing: false,
  revision,
});

export const anInstance = (id: string, more: Partial<Instance> = {}): Instance => ({
  id: asInstanceId(id),
  appId: asAppId('/web'),
  version: timestampOf(START + 1),
  goal: 'running',
  incarnation: 1,
  taskId: asTaskId(`web.${id}`),
  placed: true,
  agentId: asAgentId('agent-1'),
  hostPorts: [],
  createdAt: START,
  cause: { kind: 'deployment', text: 'first start' },
  routing: 'out',
  leftAt: 0,
  goalRevision: 1,
  ...more,
});

/** The message holds what jsonb would refuse: the end of a task's stderr may be any bytes. */
export const aStatus = (id: string, sequence = 1): InstanceStatus => ({
  instanceId: asInstanceId(id),
  appId: asAppId('/web'),
  taskId: asTaskId(`web.${id}`),
  incarnation: 1,
  run: 1,
  sequence,
  phase: 'ended',
  since: START,
  exit: {
    code: 1,
    requested: false,
    outOfMemory: false,
    message: 'NUL \u0000, half a pair \ud800, "quoted" \\ {a,b}',
  },
  health: [null],
  accepting: false,
  ipAddresses: [],
  autonomous: false,
});

/** Running unless it has an end. */
export const aDeployment = (id: string, endedAt?: number, revision = 1): Deployment => ({
  id: asDeploymentId(id),
  version: timestampOf(START),
  status: endedAt === undefined ? 'running' : 'succeeded',
  steps: [{ actions: [{ action: 'StartApplication', app: asAppId('/web') }] }],
  currentStep: 1,
  changes: [{ appId: asAppId('/web'), before: null, after: aVersion('/web', 1) }],
  victims: [],
  revertOf: asDeploymentId('d-0'),
  startedAt: START,
  ...(endedAt === undefined ? {} : { endedAt }),
  progressAt: START,
  progressMark: '',
  revision,
});

export const anAgent = (id: string): AgentNode => ({
  info: {
    id: asAgentId(id),
    hostname: 'host-1',
    address: '10.0.0.1',
    attributes: { rack: 'r1' },
    resources: { cpus: 2, mem: 1024, disk: 1024, ports: [{ from: 31_000, to: 32_000 }] },
    runtimes: ['process'],
    version: '0.1.0',
    warnings: [],
  },
  run: 1,
  liveness: 'connected',
  since: START,
  diskLow: false,
});

export const aProxy = (id: string): ProxyNode => ({
  id: asProxyId(id),
  address: '10.0.0.2',
  leaseUntil: START,
  confirmed: { epoch: 1, number: 3 },
  inFlight: { 'web.1': 2 },
  warnings: [],
});

export const anEvent = (text: string): NewEvent => ({
  type: 'status_update_event',
  timestamp: timestampOf(START),
  payload: { text, nested: { list: [1, null, 'a'] } },
});
