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
  Group,
  Instance,
  InstanceStatus,
  ProxyNode,
  Reason,
} from '#libs/model';
import type { NewEvent } from '#libs/events';
import {
  anAgentInfo,
  anAgentNode,
  anAppSpec,
  anInstance as anyInstance,
  aStatus as anyStatus,
  aVersion as anyVersion,
} from '#libs/testkit';

const START = 1_790_000_000_000;

const aSpec = (app: string): AppSpec =>
  anAppSpec({
    id: asAppId(app),
    env: { QUOTES: `'"\\{},NULL`, UNICODE: 'grüß 🚀' },
    instances: 2,
    cpus: 0.5,
  });

/** `number` orders the versions. */
export const aVersion = (app: string, number: number): AppVersion => anyVersion(aSpec(app), START + number);

export const anApp = (app: string, revision = 1, version = 1): App => ({
  id: asAppId(app),
  current: aVersion(app, version),
  removing: false,
  revision,
});

export const aGroup = (id: string, revision = 1, version = 1): Group => ({
  id: asAppId(id),
  dependencies: [asAppId('/elsewhere')],
  version: timestampOf(START + version),
  enforceRole: false,
  revision,
});

export const anInstance = (id: string, more: Partial<Instance> = {}): Instance =>
  anyInstance({
    id: asInstanceId(id),
    version: timestampOf(START + 1),
    taskId: asTaskId(`web.${id}`),
    createdAt: START,
    ...more,
  });

/** The message holds what jsonb would refuse: the end of a task's stderr may be any bytes. */
export const aStatus = (id: string, sequence = 1): InstanceStatus =>
  anyStatus({
    instanceId: asInstanceId(id),
    taskId: asTaskId(`web.${id}`),
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

export const anAgent = (id: string): AgentNode =>
  anAgentNode({ info: anAgentInfo({ id: asAgentId(id), attributes: { rack: 'r1' } }), since: START });

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

export const aReason = (id: string, text: string, more: Partial<Reason> = {}): Reason => ({
  instanceId: asInstanceId(id),
  appId: asAppId('/web'),
  at: START,
  what: 'created',
  cause: { kind: 'deployment', text, ref: 'd-1' },
  incarnation: 1,
  ...more,
});
