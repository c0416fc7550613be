// Shapes of what the API answers, by name. The definition inside them is what the readers accept, shown in its present form; members
// that are only there sometimes are not listed as required. The fuzz checks real answers against these.
import type { Schema } from './endpoint.js';
import { PLAN_SCHEMAS } from './plan-schemas.js';
import { count, flag, listOf, mapOf, object, ref, text, texts, time } from './shapes.js';

export { ref };
const idOnly = object({ id: text });
const actions = listOf(object({ action: text, app: text }));
const steps = listOf(object({ actions }));
const summary = object({
  stats: object(
    {
      counts: object({ staged: count, running: count, healthy: count, unhealthy: count }),
      lifeTime: object({ averageSeconds: { type: 'number' }, medianSeconds: { type: 'number' } }),
    },
    'lifeTime',
  ),
});
const failure = object(
  {
    appId: text,
    host: text,
    message: text,
    state: text,
    taskId: text,
    timestamp: time,
    version: time,
    slaveId: text,
  },
  'slaveId',
);

/** Beside the members of the definition. */
const appMembers = {
  id: text,
  instances: count,
  labels: mapOf(text),
  version: time,
  versionInfo: object({ lastScalingAt: time, lastConfigChangeAt: time }),
  tasksStaged: count,
  tasksRunning: count,
  tasksHealthy: count,
  tasksUnhealthy: count,
  deployments: listOf(idOnly),
  tasks: listOf(ref('Task')),
  lastTaskFailure: failure,
  readinessCheckResults: listOf(
    object({ name: text, taskId: text, ready: flag, lastResponse: object({}) }, 'lastResponse'),
  ),
  taskStats: object(
    {
      startedAfterLastScaling: summary,
      withLatestConfig: summary,
      withOutdatedConfig: summary,
      totalSummary: summary,
    },
    'startedAfterLastScaling',
    'withLatestConfig',
    'withOutdatedConfig',
    'totalSummary',
  ),
};

export const ANSWER_SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: {
    ...object(
      {
        message: text,
        details: { oneOf: [text, listOf(object({ path: text, errors: texts }))] },
        deployments: listOf(idOnly),
      },
      'details',
      'deployments',
    ),
    additionalProperties: false,
    description:
      '`details`: a list for 422, the words of the parser for 400. `deployments`: only for a lock.',
  },
  DeploymentResult: {
    ...object({ version: time, deploymentId: { type: 'string', format: 'uuid' } }),
    description: 'Answer to a change. `version` is that of the change as a whole.',
  },
  Plan: {
    ...object({ steps, plan: ref('ChangePlan') }, 'plan'),
    description:
      'Answer to a dry run. `plan` is absent where no deployment would be made, and from `PUT /v2/groups`.',
  },
  ...PLAN_SCHEMAS,
  AppInfo: {
    ...object(
      appMembers,
      ...Object.keys(appMembers).filter((name) => !['id', 'instances', 'labels', 'version'].includes(name)),
    ),
    description: 'The definition in its present form with its defaults, its version, and what was asked for.',
  },
  Task: object(
    {
      id: text,
      appId: text,
      host: text,
      slaveId: text,
      state: { type: 'string', pattern: '^TASK_[A-Z_]+$' },
      stagedAt: time,
      startedAt: time,
      version: time,
      ports: listOf(count),
      servicePorts: listOf(count),
      ipAddresses: listOf(object({ ipAddress: text, protocol: { enum: ['IPv4', 'IPv6'] } })),
      healthCheckResults: listOf(ref('Health')),
      checkResult: object({}),
      localVolumes: listOf(object({})),
      region: text,
      zone: text,
      role: text,
    },
    'slaveId',
    'stagedAt',
    'startedAt',
    'version',
    'checkResult',
    'region',
    'zone',
  ),
  Health: object(
    {
      alive: flag,
      consecutiveFailures: count,
      firstSuccess: time,
      lastSuccess: time,
      lastFailure: time,
      lastFailureCause: text,
      instanceId: text,
    },
    'firstSuccess',
    'lastSuccess',
    'lastFailure',
    'lastFailureCause',
  ),
  GroupInfo: object(
    {
      id: text,
      apps: listOf(ref('AppInfo')),
      groups: listOf(ref('GroupInfo')),
      pods: listOf(object({})),
      dependencies: texts,
      version: time,
      enforceRole: flag,
    },
    'enforceRole',
  ),
  Deployment: object({
    id: text,
    version: time,
    affectedApps: texts,
    affectedPods: texts,
    steps,
    currentActions: actions,
    currentStep: count,
    totalSteps: count,
  }),
  QueueItem: object(
    {
      count,
      role: text,
      delay: object({ timeLeftSeconds: count, overdue: flag }),
      since: time,
      processedOffersSummary: object({}),
      lastUnusedOffers: listOf(object({})),
      app: ref('AppInfo'),
    },
    'role',
    'lastUnusedOffers',
  ),
  Message: object({ message: text }),
};

export const shapes = { object, listOf, mapOf, text, texts, count, flag, time, steps };
