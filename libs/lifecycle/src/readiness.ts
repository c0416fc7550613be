// Health of an instance over all its checks (behaviour.md 7.4), and whether it may enter the route table (promise 1).
// Both speak about the current incarnation only.
import { needsOwnAddress, ownAddressOf, portsOf } from '#libs/model';
import type { AppSpec, AppVersion, HealthCheck, HealthResult, Instance } from '#libs/model';
import { currentStatus } from './condition.js';

/** True: every check alive. False: all have results and one is not alive. Null: no checks, or one has no result yet. */
export function healthOf(instance: Instance, version: AppVersion): boolean | null {
  const checks = version.spec.healthChecks;
  const status = currentStatus(instance);
  if (!checks.length || status?.phase !== 'running') return null;
  const results = checks.map((_, index) => status.health[index] ?? null);
  if (results.some((each) => each === null)) return null;
  return results.every((each) => each?.alive);
}

/** Each of its checks passed once in this incarnation, also if its agent was restarted meanwhile and forgot. False without checks. */
export function wasHealthy(instance: Instance, version: AppVersion): boolean {
  const checks = version.spec.healthChecks;
  const status = currentStatus(instance);
  if (!checks.length || !status) return false;
  return (
    status.wasHealthy === true ||
    checks.every((_, index) => status.health[index]?.lastSuccessAt !== undefined)
  );
}

/** Running, as reported. */
export const isRunning = (instance: Instance): boolean => currentStatus(instance)?.phase === 'running';

/** Ports that the proxy can serve; UDP is not proxied (decisions.md 12). */
export const hasRoutablePorts = (spec: AppSpec): boolean =>
  portsOf(spec).some((each) => each.protocol !== 'udp');

/**
 * Started for a deployment of an app with a readiness check, and it has not answered ready yet: neither routed nor counted, whatever
 * its health says (behaviour.md 8, promise 1).
 */
export const isAwaitingReadiness = (instance: Instance): boolean =>
  instance.asksReadiness === true && currentStatus(instance)?.readiness?.ready !== true;

/**
 * May it be in the route table? With health checks: all alive. Without, but with ports: every port accepted a TCP connection.
 * With neither: it runs. And in each case: it answered ready once, if this incarnation is asked; a
 * port without host port is reached at the task's own address, so that is known.
 */
export function isReady(instance: Instance, version: AppVersion, _now: number): boolean {
  const status = currentStatus(instance);
  if (status?.phase !== 'running' || isAwaitingReadiness(instance) || hasNoAddress(instance)) return false;
  if (version.spec.healthChecks.length) return healthOf(instance, version) === true;
  return !hasRoutablePorts(version.spec) || status.accepting;
}

/**
 * Must it leave the table? Only what was reported does it: a check that failed, that it runs no longer, or that its container has left
 * the network on which it is reached; `unknown` never.
 */
export function isReportedUnready(instance: Instance, version: AppVersion): boolean {
  const status = currentStatus(instance);
  if (!status) return false;
  if (status.phase !== 'running' || hasNoAddress(instance)) return true;
  return version.spec.healthChecks.some((_, index) => status.health[index]?.alive === false);
}

/** Reached at an address of its own, and it was reported without one. */
export const hasNoAddress = (instance: Instance): boolean =>
  needsOwnAddress(instance) && ownAddressOf(instance) === undefined;

export interface FailedCheck {
  readonly index: number;
  readonly check: HealthCheck;
  readonly result: HealthResult;
}

/**
 * The first check that says: kill (behaviour.md 7.3). HTTP, HTTPS and TCP: at failure number max + 1, never with max 0.
 * MESOS_* and COMMAND: at number max, with 0 read as 1.
 */
export function failedCheck(instance: Instance, version: AppVersion): FailedCheck | null {
  const status = currentStatus(instance);
  if (status?.phase !== 'running') return null;
  for (const [index, check] of version.spec.healthChecks.entries()) {
    const result = status.health[index];
    if (result && !result.alive && hasFailedTooOften(check, result.consecutiveFailures)) {
      return { index, check, result };
    }
  }
  return null;
}

function hasFailedTooOften(check: HealthCheck, failures: number): boolean {
  const max = check.maxConsecutiveFailures;
  const measuredByServerInMarathon =
    check.protocol === 'HTTP' || check.protocol === 'HTTPS' || check.protocol === 'TCP';
  return measuredByServerInMarathon ? max > 0 && failures > max : failures >= Math.max(1, max);
}

/** Since when it runs, on the control plane's clock: the agent's word unless its clock is plainly ahead of ours. */
export function runningSince(instance: Instance, now: number): number {
  const placedAt = instance.placedAt ?? instance.createdAt;
  const startedAt = currentStatus(instance)?.startedAt ?? placedAt;
  return startedAt > now ? placedAt : Math.max(startedAt, placedAt);
}
