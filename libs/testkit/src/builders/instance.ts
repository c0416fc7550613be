// Instances and their agents' reports for specs: the first incarnation of `/web`, placed on `agent-1` and running, not routed yet.
// The names of instance, task and agent agree with each other and with `anAppSpec` and `anAgentNode`.
import { asAgentId, asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { Instance, InstanceStatus } from '#libs/model';
import { BUILT_AT } from './app.js';

/** Without a report: placed, and nothing heard of it. */
export const anInstance = (more: Partial<Instance> = {}): Instance => ({
  id: asInstanceId('web.instance-1'),
  appId: asAppId('/web'),
  version: timestampOf(BUILT_AT),
  goal: 'running',
  incarnation: 1,
  taskId: asTaskId('web.1'),
  placed: true,
  agentId: asAgentId('agent-1'),
  hostPorts: [],
  createdAt: BUILT_AT,
  cause: { kind: 'deployment', text: 'deployed' },
  routing: 'out',
  leftAt: 0,
  goalRevision: 1,
  ...more,
});

/** The report of `anInstance()` when it has just begun to run: no result of a check, no port that accepts. */
export const aStatus = (more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  instanceId: asInstanceId('web.instance-1'),
  appId: asAppId('/web'),
  taskId: asTaskId('web.1'),
  incarnation: 1,
  run: 1,
  sequence: 1,
  phase: 'running',
  since: BUILT_AT,
  health: [],
  accepting: false,
  ipAddresses: [],
  autonomous: false,
  ...more,
});
