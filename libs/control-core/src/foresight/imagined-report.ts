// What the agent of an instance reports next in a world without faults: a task that was launched runs, is healthy, ready and accepts
// connections, and one that was told to stop has ended. A failure that was reported stays, for a plan is made for what is.
import { currentStatus, hasEnded, hasNoAddress, hasRoutablePorts } from '#libs/lifecycle';
import type { AgentNode, AppVersion, HealthResult, Instance, InstanceStatus } from '#libs/model';

/** For tasks that are reached at an address of their own; nobody dials it. */
const SOME_ADDRESS = [{ ipAddress: '192.0.2.1', protocol: 'IPv4' as const }];

/** Null: nothing that is not known already, or the agent cannot be heard. */
export function imaginedReport(
  instance: Instance,
  version: AppVersion,
  agent: AgentNode | undefined,
  now: number,
): InstanceStatus | null {
  if (!instance.placed || agent?.liveness !== 'connected' || hasEnded(instance)) return null;
  if (instance.stop?.phase === 'killing') return next(instance, agent, now, ended());
  if (instance.stop) return null;
  const known = currentStatus(instance);
  if (known?.phase === 'stopping') return null;
  return isWell(instance, version, known)
    ? null
    : next(instance, agent, now, wellOf(instance, version, known, now));
}

/** As far as anything depends on it. */
function isWell(instance: Instance, { spec }: AppVersion, known: InstanceStatus | undefined): boolean {
  if (known?.phase !== 'running' || hasNoAddress(instance)) return false;
  if (instance.asksReadiness && known.readiness?.ready !== true) return false;
  if (spec.healthChecks.length) return spec.healthChecks.every((_, index) => known.health[index]);
  return known.accepting || !hasRoutablePorts(spec);
}

const ended = (): Partial<InstanceStatus> => ({
  phase: 'ended',
  exit: { code: 143, requested: true, outOfMemory: false, message: 'stopped' },
});

function wellOf(
  instance: Instance,
  { spec }: AppVersion,
  known: InstanceStatus | undefined,
  now: number,
): Partial<InstanceStatus> {
  const passed: HealthResult = {
    alive: true,
    consecutiveFailures: 0,
    firstSuccessAt: now,
    lastSuccessAt: now,
  };
  return {
    phase: 'running',
    startedAt: known?.startedAt ?? now,
    health: spec.healthChecks.map((_, index) => known?.health[index] ?? passed),
    accepting: true,
    ipAddresses: known?.ipAddresses.length ? known.ipAddresses : SOME_ADDRESS,
    ...(instance.asksReadiness ? { readiness: { ready: true } } : {}),
  };
}

function next(
  instance: Instance,
  agent: AgentNode,
  now: number,
  change: Partial<InstanceStatus>,
): InstanceStatus | null {
  const { id, appId, taskId, incarnation, status } = instance;
  if (taskId === undefined) return null;
  const known = currentStatus(instance);
  return {
    health: [],
    accepting: false,
    ipAddresses: [],
    ...known,
    instanceId: id,
    appId,
    taskId,
    incarnation,
    run: Math.max(agent.run, status?.run ?? 0),
    sequence: (status?.sequence ?? 0) + 1,
    since: now,
    autonomous: false,
    phase: 'running',
    ...change,
  };
}
