// What stands between an app as it is and as it is wanted, by the sets of classification: one entry per reason, each with how many
// instances it concerns and, where it ends by itself, when.
import {
  currentStatus,
  healthOf,
  hasNoAddress,
  isAwaitingReadiness,
  isRunning,
  launchableAt,
} from '#libs/lifecycle';
import { counted, timestampOf } from '#libs/model';
import type { AgentId, App, Deployment, DeploymentId, Instance, InstanceId } from '#libs/model';
import { actionsUnderWay, type AppWork } from './app-work.js';
import { inactiveAt, isOutdated } from './classify.js';
import type { AppSituation, Sets } from './classify.js';
import { isAgentPausing, mayComeBack } from './launch.js';
import type { ClusterSnapshot } from './snapshot.js';
import { isHeldByTraffic } from './traffic-share.js';

export type HoldKind =
  | 'suspended' // no instance is wanted
  | 'deployment-step' // its step of a deployment is still to come
  | 'rollout' // older ones are replaced under the upgrade strategy
  | 'launch-delay'
  | 'agent-away' // its agent may be starting it again without us
  | 'no-place'
  | 'starting'
  | 'not-ready'
  | 'unhealthy'
  | 'brake'
  | 'unreachable'
  | 'stopping'
  | 'ending';

export interface Hold {
  readonly kind: HoldKind;
  /** One sentence without a full stop. */
  readonly text: string;
  /** Concerned by it; 0 for one that is about the app as a whole. */
  readonly instances: number;
  /** The first of them. */
  readonly instanceIds: readonly InstanceId[];
  /** Epoch ms: it ends then by itself, or something else is decided. */
  readonly until?: number;
  readonly agentId?: AgentId;
  readonly deploymentId?: DeploymentId;
}

/** Ids that are named; the count is told of all. */
const IDS_MAX = 10;

export interface HoldQuestion {
  readonly app: App;
  readonly sets: Sets;
  readonly situation: AppSituation;
  readonly snapshot: ClusterSnapshot;
  readonly work: AppWork;
  /** Wanted, and not even created. */
  readonly missing: number;
  /** Of those waiting and missing. */
  readonly unplaceable: { readonly instances: number; readonly isLeast: boolean };
}

export function holdsOf(question: HoldQuestion): readonly Hold[] {
  return [...ofTheApp(question), ...ofWaiting(question), ...ofPlaced(question)];
}

function ofTheApp({ app, sets, situation, work, missing }: HoldQuestion): readonly Hold[] {
  const holds: Hold[] = [];
  if (app.current.spec.instances === 0) {
    holds.push(hold('suspended', [], 'no instance is wanted: instances is 0'));
  }
  if (work.kind === 'hold' && missing > 0) {
    const { id } = work.deployment;
    const text = `to be started by ${stepText(app, work.deployment)}`;
    holds.push({ ...hold('deployment-step', [], text), instances: missing, deploymentId: id });
  }
  if (work.kind === 'replace') {
    const old = situation.instances.filter((each) => isOutdated(each, app) && !sets.leaving.includes(each));
    const text = rolloutText(work.deployment, situation);
    if (old.length) holds.push({ ...hold('rollout', old, text), deploymentId: work.deployment.id });
  }
  if (app.brake) {
    const ends = app.brake.calmSince === undefined ? '' : '; it is calm again, so this ends soon';
    const text = `the mass-kill brake is on since ${timestampOf(app.brake.since)}: none is killed for its health${ends}`;
    holds.push(hold('brake', [], text));
  }
  return holds;
}

const rolloutText = (deployment: Deployment, situation: AppSituation): string =>
  trafficHoldText(deployment, situation) ??
  `deployment ${deployment.id} replaces them step by step under upgradeStrategy`;

/** Why a rollout waits for a person, and how it goes on, without a full stop. Null: no share of the traffic holds it. */
export function trafficHoldText(
  { id }: Pick<Deployment, 'id'>,
  situation: Pick<AppSituation, 'app' | 'instances' | 'versionOf'>,
): string | null {
  const { app, instances, versionOf } = situation;
  const { id: appId, traffic } = app;
  const wanted = instances.filter(({ goal, stop }) => goal === 'running' && !stop);
  const held = wanted.filter((each) => isHeldByTraffic(each, situation));
  if (!traffic || !held.length) return null;
  const shares = traffic.shares.map(({ version, weight }) => `${version} ${weight}`).join(', ');
  const reset = `after DELETE /v3/apps${appId}/traffic`;
  const start = `deployment ${id} is held by the shares of the traffic (${shares}; set by ${traffic.cause.text}): `;
  if (wanted.some((each) => !isOutdated(each, app) && isRunning(each)))
    return `${start}it goes on once the new version has all of it, or ${reset}, and is taken back by a rollback`;
  const names = [...new Set(held.map((each) => versionOf(each).version))].sort().join(' and ');
  return (
    `${start}no instance of version ${app.current.version} runs yet, and none can start while these keep all ${held.length} of ${names} and ` +
    `upgradeStrategy.maximumOverCapacity leaves no room for more: give one of these versions the weight 0, and its instances are replaced, ` +
    `or raise maximumOverCapacity; all of them go ${reset}`
  );
}

function stepText(app: App, deployment: Deployment): string {
  const { id, steps, currentStep } = deployment;
  const ahead = steps
    .slice(currentStep)
    .findIndex(({ actions }) => actions.some((each) => each.app === app.id));
  const open = actionsUnderWay(deployment);
  const step = open.some((each) => each.app === app.id) ? currentStep : currentStep + ahead + 1;
  const before = open.map((each) => `${each.action} ${each.app}`).join(', ');
  const once = step > currentStep && before ? `, once step ${currentStep} is done: ${before}` : '';
  return `step ${step} of ${steps.length} of deployment ${id}${once}`;
}

function ofWaiting({ app, sets, situation, snapshot, unplaceable }: HoldQuestion): readonly Hold[] {
  const { now } = situation;
  const holds: Hold[] = [];
  const atOf = (each: Instance): number => launchableAt(app, each, situation.versionOf(each), now);
  for (const [until, delayed] of grouped(sets.waiting, atOf)) {
    if (until <= now) continue;
    const text = `the next start is delayed until ${timestampOf(until)} after failures`;
    holds.push({ ...hold('launch-delay', delayed, text), until });
  }
  const paused = sets.waiting.filter((each) => atOf(each) <= now && isAgentPausing(each, snapshot));
  for (const [agentId, instances] of grouped(paused, (each) => each.agentId)) {
    if (agentId === undefined) continue;
    const name = snapshot.agents.get(agentId)?.info.hostname ?? agentId;
    const text = `${name} has no session and may start it again itself; it goes elsewhere once that agent counts as lost`;
    holds.push({ ...hold('agent-away', instances, text), agentId });
  }
  holds.push(
    ...ofUnconfirmed(
      sets.waiting.filter((each) => atOf(each) <= now),
      snapshot,
    ),
  );
  if (unplaceable.instances > 0) {
    const count = snapshot.agents.size;
    const text = count
      ? `fits on none of ${counted(count, 'agent')}${unplaceable.isLeast ? ' (not all of them were tried)' : ''}`
      : 'there is no agent: start one with longrun agent';
    holds.push({ ...hold('no-place', [], text), instances: unplaceable.instances });
  }
  return holds;
}

/** Their agents have a session, or had one when the last leader left, and have not said that they let go of them. */
function ofUnconfirmed(due: readonly Instance[], snapshot: HoldQuestion['snapshot']): readonly Hold[] {
  const held = due.filter((each) => !isAgentPausing(each, snapshot) && mayComeBack(each, snapshot));
  return [...grouped(held, (each) => each.agentId)].flatMap(([agentId, instances]) => {
    const agent = agentId === undefined ? undefined : snapshot.agents.get(agentId);
    if (!agent || agent.liveness === 'lost') return [];
    const text = `${agent.info.hostname} has not confirmed yet that it will not start it again itself; it goes elsewhere once it has, or counts as lost`;
    return [{ ...hold('agent-away', instances, text), agentId: agent.info.id }];
  });
}

function ofPlaced({ sets, situation, snapshot }: HoldQuestion): readonly Hold[] {
  const away = [...sets.unreachable, ...sets.lost];
  const agentOf = (each: Instance): string =>
    (each.agentId && snapshot.agents.get(each.agentId)?.info.hostname) ?? each.agentId ?? 'its agent';
  const byText = (kind: HoldKind, instances: readonly Instance[], text: (each: Instance) => string): Hold[] =>
    [...grouped(instances, text)].map(([words, each]) => hold(kind, each, words));
  return [
    ...byText('starting', sets.coming, (each) => {
      const status = currentStatus(each);
      return `placed on ${agentOf(each)}, ${status?.pull?.text ?? `which has reported ${status?.phase ?? 'nothing yet'}`}`;
    }),
    ...byText('not-ready', sets.unready, (each) => unreadyText(each, situation)),
    ...byText('unhealthy', sets.unhealthy, (each) => unhealthyText(each, situation)),
    ...[...grouped(away, (each) => inactiveAt(each, situation))].map(([until, each]): Hold => {
      const isOver = until <= situation.now;
      const text = `${each.map(agentOf)[0]} is lost; ${isOver ? 'it is replaced' : 'it is replaced when the agent stays away'}`;
      return { ...hold('unreachable', each, text), ...(isOver || !Number.isFinite(until) ? {} : { until }) };
    }),
    ...byText('stopping', [...sets.leaving, ...sets.cycling], (each) =>
      each.stop ? `is being stopped (${each.stop.phase}): ${each.stop.cause.text}` : 'is being removed',
    ),
    ...byText('ending', sets.ended, () => 'has ended; it is launched again or forgotten in a moment'),
  ];
}

function unreadyText(instance: Instance, { versionOf }: AppSituation): string {
  const version = versionOf(instance);
  if (isAwaitingReadiness(instance)) return 'runs, and its readiness check has not answered ready yet';
  if (version.spec.healthChecks.length && healthOf(instance, version) !== true) {
    return 'runs, and its health checks have not all answered yet';
  }
  if (hasNoAddress(instance)) return 'runs, and has no address on its network yet';
  return currentStatus(instance)?.accepting
    ? 'is ready, and comes into the route table in a moment'
    : 'runs, and does not accept connections on its ports yet';
}

function unhealthyText(instance: Instance, { versionOf }: AppSituation): string {
  if (!isRunning(instance)) return `is reported as ${currentStatus(instance)?.phase ?? 'unknown'}`;
  if (hasNoAddress(instance)) return 'has lost its address on its network';
  const failing = versionOf(instance)
    .spec.healthChecks.map((_, index) => currentStatus(instance)?.health[index])
    .find((each) => each?.alive === false);
  return `fails its health check: ${failing?.lastFailureCause ?? 'no answer'}`;
}

function hold(kind: HoldKind, concerned: readonly Instance[], text: string): Hold {
  const instanceIds = concerned.slice(0, IDS_MAX).map(({ id }) => id);
  return { kind, text, instances: concerned.length, instanceIds };
}

function grouped<Key>(instances: readonly Instance[], keyOf: (each: Instance) => Key): Map<Key, Instance[]> {
  const groups = new Map<Key, Instance[]>();
  for (const each of instances) {
    const key = keyOf(each);
    const known = groups.get(key);
    if (known) known.push(each);
    else groups.set(key, [each]);
  }
  return groups;
}
