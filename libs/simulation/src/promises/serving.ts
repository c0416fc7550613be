// What the floor counts, read from stored rows by a rule of its own: written anew from the promise, so that a mistake in the
// product's classification is not repeated here.
import { hasRoutablePorts } from '#libs/lifecycle';
import type { App, AppVersion, Instance } from '#libs/model';

/** A successor without checks that does not accept connections holds its predecessor back this long (decisions.md 12). */
const ACCEPT_HOLD_MS = 30_000;

/**
 * Healthy and routed: it runs, nothing is to stop it, its checks pass, and traffic can reach it. `ranMs`: for how long it has run, as far
 * as the caller is sure; it decides about one without checks that does not accept connections.
 */
export function isServing(instance: Instance, version: AppVersion, ranMs: number): boolean {
  const { stop, goal, placed, unreachableSince, status, taskId, asksReadiness } = instance;
  if (stop || goal === 'stopped' || !placed || unreachableSince !== undefined) return false;
  if (!status || status.taskId !== taskId || status.phase !== 'running') return false;
  const { healthChecks } = version.spec;
  if (!healthChecks.every((_, index) => status.health[index]?.alive)) return false;
  if (asksReadiness && !status.readiness?.ready) return false;
  if (!hasRoutablePorts(version.spec) || instance.routing === 'in') return true;
  return !healthChecks.length && ranMs >= ACCEPT_HOLD_MS;
}

/** ceil, but for the noise of floating point. */
export function floorOf({ current, removing }: App): number {
  const { instances, upgradeStrategy } = current.spec;
  return removing ? 0 : Math.ceil(instances * upgradeStrategy.minimumHealthCapacity - 1e-9);
}
