// `GET /v3/instances/ID/why` and `GET /v3/apps/ID/why` (promise 9): the reasons of an instance, and the chain from what it does now, or
// why it is gone, to its root: a request, a check, a crash, a lost host. Sentences for people are made here, from rows.
import { timestampOf } from '#libs/model';
import type { AgentId, AppId, Cause, Deployment, DeploymentId, Instance, Reason, TaskId } from '#libs/model';

/** One step on the way to the root. */
export type WhyStep =
  | { readonly kind: 'reason'; readonly reason: Reason }
  /** `appId`: the app whose change matters here. */
  | { readonly kind: 'deployment'; readonly deployment: Deployment; readonly appId: AppId }
  /** It ended so long ago that it is no longer kept. */
  | { readonly kind: 'forgotten'; readonly deploymentId: DeploymentId }
  | { readonly kind: 'request'; readonly cause: Cause; readonly at: number };

export interface WhyFacts {
  readonly instanceId: string;
  readonly appId: AppId;
  /** Absent: it is gone. */
  readonly instance?: Instance;
  /** Newest first. */
  readonly reasons: readonly Reason[];
  /** From what is now to the root. */
  readonly steps: readonly WhyStep[];
}

export interface ReasonInfo {
  readonly at: string;
  readonly what: Reason['what'];
  /** For a person. */
  readonly text: string;
  readonly instanceId: string;
  readonly incarnation: number;
  readonly taskId?: TaskId;
  readonly agentId?: AgentId;
  readonly hostPorts?: readonly number[];
  readonly tableNumber?: number;
  readonly cause: Cause;
}

export interface WhyLink {
  /** Absent where the time is not kept. */
  readonly at?: string;
  /** What happened, `deployment` or `request`. */
  readonly what: string;
  readonly text: string;
  readonly instanceId?: string;
  readonly taskId?: TaskId;
  readonly agentId?: AgentId;
  readonly deploymentId?: DeploymentId;
}

export interface WhyAnswer {
  readonly instanceId: string;
  readonly appId: AppId;
  readonly isGone: boolean;
  /** What it does now, or that it is gone. */
  readonly now: string;
  /** Kind and words of the last link, on which all others rest. */
  readonly root: { readonly kind: Cause['kind']; readonly text: string; readonly at?: string };
  readonly chain: readonly WhyLink[];
  readonly reasons: readonly ReasonInfo[];
}

/** A person's name of an agent; its id when it has none any more. */
export type HostOf = (agent: AgentId) => string;

export function presentWhy(facts: WhyFacts, hostOf: HostOf): WhyAnswer {
  const { instanceId, appId, instance, reasons, steps } = facts;
  return {
    instanceId,
    appId,
    isGone: instance === undefined,
    now: instance ? presence(instance, hostOf) : 'it is gone',
    root: rootOf(steps),
    chain: steps.map((step, at) => linkOf(step, steps[at + 1], hostOf)),
    reasons: reasons.map((each) => presentReason(each, hostOf)),
  };
}

export const presentReason = (reason: Reason, hostOf: HostOf): ReasonInfo => ({
  at: timestampOf(reason.at),
  what: reason.what,
  text: sentence(reason, hostOf),
  instanceId: reason.instanceId,
  incarnation: reason.incarnation,
  ...(reason.taskId === undefined ? {} : { taskId: reason.taskId }),
  ...(reason.agentId === undefined ? {} : { agentId: reason.agentId }),
  ...(reason.hostPorts ? { hostPorts: reason.hostPorts } : {}),
  ...(reason.tableNumber === undefined ? {} : { tableNumber: reason.tableNumber }),
  cause: reason.cause,
});

function presence(instance: Instance, hostOf: HostOf): string {
  const { stop, placed, agentId, routing, unreachableSince } = instance;
  const where = agentId === undefined ? '' : ` on agent ${hostOf(agentId)}`;
  if (stop) return `it is being stopped${where} (${stop.phase}), then it ${AFTERWARDS[stop.then]}`;
  if (!placed) return 'it waits to be launched';
  if (unreachableSince !== undefined) return `its agent${where.replace(' on agent', '')} is lost`;
  const phase = instance.status?.taskId === instance.taskId ? instance.status?.phase : undefined;
  return `it is ${phase ?? 'being launched'}${where}, ${ROUTED[routing]}`;
}
const AFTERWARDS = { relaunch: 'is launched again', remove: 'is gone' } as const;
const ROUTED = {
  in: 'in the route table',
  out: 'not in the route table',
  suspect: 'in the route table as a last resort',
} as const;

/** `next`: what it follows from; a cause that both have is told there only. */
function linkOf(step: WhyStep, next: WhyStep | undefined, hostOf: HostOf): WhyLink {
  switch (step.kind) {
    case 'reason': {
      const { reason } = step;
      const isTold = next?.kind === 'reason' && next.reason.cause.text === reason.cause.text;
      const { at, what, instanceId, taskId, agentId, ...shown } = presentReason(reason, hostOf);
      const text = isTold ? happeningOf(reason, hostOf) : shown.text;
      const ids = { instanceId, ...(taskId === undefined ? {} : { taskId }) };
      return { at, what, text, ...ids, ...(agentId === undefined ? {} : { agentId }) };
    }
    case 'deployment': {
      const { deployment } = step;
      const at = timestampOf(deployment.startedAt);
      return { at, what: 'deployment', text: deploymentText(step), deploymentId: deployment.id };
    }
    case 'forgotten':
      return { what: 'deployment', text: forgottenText(step.deploymentId), deploymentId: step.deploymentId };
    case 'request':
      return { at: timestampOf(step.at), what: 'request', text: step.cause.text };
  }
}

function rootOf(steps: readonly WhyStep[]): WhyAnswer['root'] {
  const last = steps.at(-1);
  switch (last?.kind) {
    case 'reason': {
      const { cause, at } = last.reason;
      return { kind: cause.kind, text: cause.text, at: timestampOf(at) };
    }
    case 'request':
      return { kind: last.cause.kind, text: last.cause.text, at: timestampOf(last.at) };
    case 'deployment':
      return { kind: 'deployment', text: deploymentText(last), at: timestampOf(last.deployment.startedAt) };
    case 'forgotten':
      return { kind: 'deployment', text: forgottenText(last.deploymentId) };
    case undefined:
      return { kind: 'shortage', text: 'nothing is kept about it' };
  }
}

const forgottenText = (id: DeploymentId): string => `deployment ${id}, which is no longer kept`;

function deploymentText({ deployment, appId }: Extract<WhyStep, { kind: 'deployment' }>): string {
  const { id, status, reason } = deployment;
  const end =
    status === 'running' ? 'still running' : `${status}${reason === undefined ? '' : `: ${reason}`}`;
  return `deployment ${id} ${changeText(deployment, appId)} (${end})`;
}

function changeText({ changes }: Deployment, appId: AppId): string {
  const change = changes.find((each) => each.appId === appId);
  const { before, after } = change ?? {};
  if (!before && !after) return `changed other apps than ${appId}`;
  if (!before) return `brought ${appId}, version ${after?.version}`;
  if (!after) return `removed ${appId}, version ${before.version}`;
  const isScaled = before.lastConfigChangeAt === after.lastConfigChangeAt;
  if (!isScaled) return `replaced version ${before.version} of ${appId} by ${after.version}`;
  return `scaled ${appId} from ${before.spec.instances} to ${after.spec.instances}`;
}

function sentence(reason: Reason, hostOf: HostOf): string {
  const happening = happeningOf(reason, hostOf);
  return reason.what === 'draining' || reason.what === 'killing'
    ? happening
    : `${happening}: ${reason.cause.text}`;
}

function happeningOf(reason: Reason, hostOf: HostOf): string {
  const { what, taskId, agentId, hostPorts, tableNumber } = reason;
  const host = agentId === undefined ? 'an agent' : `agent ${hostOf(agentId)}`;
  const table = tableNumber === undefined ? '' : ` (table ${tableNumber})`;
  const ports = hostPorts?.length ? `, ports ${hostPorts.join(', ')}` : '';
  switch (what) {
    case 'created':
      return 'it was made';
    case 'launched':
      return `task ${taskId} was launched on ${host}${ports}`;
    case 'adopted':
      return `task ${taskId} on ${host} was taken over`;
    case 'routed':
      return `it entered the route table${table}`;
    case 'unrouted':
      return `it left the route table${table}`;
    case 'suspect':
      return `it gets traffic only while nothing else answers${table}`;
    case 'unreachable':
      return `nothing is heard of it`;
    case 'back':
      return `it is heard of again${table}`;
    case 'stop-requested':
      return `${tableNumber === undefined ? '' : `it left the route table${table}, and `}its stop was decided`;
    case 'draining':
      return 'no new request reaches it, those in flight may end';
    case 'killing':
      return `${host} was told to stop it`;
    case 'ended':
      return `task ${taskId} is over`;
    case 'removed':
      return 'it is gone';
  }
}
