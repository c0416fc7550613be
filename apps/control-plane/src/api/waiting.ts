// Why instances of an app do not run yet, in sentences: the launch delay, the last failure, and per agent what is missing.
import type { WorkingSet } from '#libs/control-core';
import {
  conditionOf,
  currentDelay,
  hasEnded,
  hasNoAddress,
  healthOf,
  isAwaitingReadiness,
  isReady,
} from '#libs/lifecycle';
import type { AgentNode, AgentResources, App, AppVersion, Instance } from '#libs/model';
import { trafficHoldText, type WaitingExplanation } from '#libs/reconciler';

/** Wanted, and not running because they were never launched, ended, or have not been heard of. */
export const instancesToLaunch = ({ id }: App, state: WorkingSet): readonly Instance[] =>
  state
    .instancesOf(id)
    .filter(
      (each) => each.goal === 'running' && !each.stop && (!each.placed || hasEnded(each) || !each.status),
    );

export function waitingWords(
  app: App,
  state: WorkingSet,
  explanation: WaitingExplanation | undefined,
  now: number,
): string[] {
  const words: string[] = [];
  const held = heldText(app, state);
  if (held !== null) words.push(held);
  const delay = currentDelay(app, now);
  const waits = state.instancesOf(app.id).some((each) => !each.placed || hasEnded(each));
  if (delay && delay.until > now && waits) {
    const seconds = Math.ceil((delay.until - now) / 1000);
    words.push(`the next start is delayed for ${seconds} s after failures`);
  }
  if (waits && app.lastTaskFailure) words.push(`the last task failed: ${app.lastTaskFailure.message}`);
  if (explanation && !state.agents.size) words.push('there is no agent: start one with longrun agent');
  for (const { hostname, reasons } of explanation?.perAgent ?? []) {
    if (reasons.length) words.push(`${hostname}: ${reasons.map(({ text }) => text).join('; ')}`);
  }
  for (const instance of state.instancesOf(app.id)) {
    if (!instance.placed || instance.stop || hasEnded(instance)) continue;
    const version = state.versionOf(instance);
    if (isReady(instance, version, now)) continue;
    const pull = instance.status?.pull?.text;
    const condition = conditionOf(instance, now, version.spec.unreachableStrategy);
    const task = instance.taskId ?? instance.id;
    if (pull !== undefined) words.push(`${task}: ${pull}`);
    else if (condition === 'Running') words.push(`${task} runs, but ${unreadyText(instance, version)}`);
    else words.push(`${task} is ${condition.toLowerCase()}`);
  }
  return words;
}

/** Its rollout waits for a person, who has shared the traffic between versions. */
function heldText(app: App, state: WorkingSet): string | null {
  const deployment = state.deploymentOf(app.id);
  const versionOf = (each: Instance): AppVersion => state.versionOf(each);
  return deployment
    ? trafficHoldText(deployment, { app, instances: state.instancesOf(app.id), versionOf })
    : null;
}

/** Of one that runs and may not be routed: what it is waited for. */
function unreadyText(instance: Instance, version: AppVersion): string {
  if (isAwaitingReadiness(instance)) return 'has not answered its readiness check yet';
  if (hasNoAddress(instance)) return 'has no address on its network yet';
  const { length } = version.spec.healthChecks;
  const checks = `health check${length === 1 ? '' : 's'}`;
  // without results it was not asked, or its grace period lasts
  if (length && healthOf(instance, version) === null) return `has not passed its ${checks} yet`;
  if (length) return `does not pass its ${checks}`;
  return 'does not accept connections on its ports yet';
}

/** What is left of an agent's resources; ports are its whole ranges. */
export function freeOn({ info }: AgentNode, state: WorkingSet): AgentResources {
  const used = state.ledger.used(info.id);
  const { cpus, mem, disk, ports } = info.resources;
  return { cpus: cpus - used.cpus, mem: mem - used.mem, disk: disk - used.disk, ports };
}
