// Events about the health of one instance: each counted failure, each flip of one check, each change of the aggregate
// (events.md 5, behaviour.md 7.3 and 7.4). Derived by comparing two reports of the same task.
import type { AppVersion, HealthCheck, Instance, Timestamp } from '#libs/model';
import type { NewEvent } from './event.js';
import { taskIdOf, type EventView } from './event-view.js';

/** A health check as the API shows it: set members only. */
export function healthCheckView(check: HealthCheck): Readonly<Record<string, unknown>> {
  return { ...check };
}

export function healthEvents(before: Instance, after: Instance, view: EventView): NewEvent[] {
  const checks = view.version(after.appId, after.version)?.spec.healthChecks ?? [];
  if (!checks.length || before.status === after.status) return [];
  const sameTask = before.status?.taskId === after.status?.taskId;
  const events = checks.flatMap((check, index) => {
    const old = sameTask ? (before.status?.health[index] ?? null) : null;
    const now = after.status?.health[index] ?? null;
    if (!now) return [];
    const failed = now.consecutiveFailures > (old?.consecutiveFailures ?? 0);
    // alive needs a success, so a first failure flips nothing (behaviour.md 7.3); what is routed had one, before its agent restarted
    const wasAlive = old ? old.alive : sameTask && before.routing === 'in' && !now.alive;
    const flipped = wasAlive !== now.alive;
    return [
      ...(failed ? [failedCheck(after, check, view)] : []),
      ...(flipped ? [flippedCheck(after, now.alive, view)] : []),
    ];
  });
  return view.healthy(before) === view.healthy(after) ? events : [...events, aggregate(after, view)];
}

/** The checks of a definition that begin to count. */
export function checksAdded({ spec, version }: AppVersion, now: Timestamp): NewEvent[] {
  return spec.healthChecks.map((check) => ({
    type: 'add_health_check_event',
    timestamp: now,
    payload: { appId: spec.id, version, healthCheck: healthCheckView(check) },
  }));
}

/** The checks of a definition that count no longer. */
export function checksRemoved({ spec }: AppVersion, now: Timestamp): NewEvent[] {
  return spec.healthChecks.map(() => ({
    type: 'remove_health_check_event',
    timestamp: now,
    payload: { appId: spec.id },
  }));
}

function failedCheck(instance: Instance, check: HealthCheck, view: EventView): NewEvent {
  return {
    type: 'failed_health_check_event',
    timestamp: view.now,
    // `taskId` holds the instance id: so does Marathon, and clients look it up as such
    payload: { appId: instance.appId, taskId: instance.id, healthCheck: healthCheckView(check) },
  };
}

function flippedCheck(instance: Instance, alive: boolean, view: EventView): NewEvent {
  return {
    type: 'health_status_changed_event',
    timestamp: view.now,
    payload: {
      appId: instance.appId,
      instanceId: instance.id,
      taskId: taskIdOf(instance) ?? '',
      version: instance.version,
      alive,
    },
  };
}

function aggregate(instance: Instance, view: EventView): NewEvent {
  return {
    type: 'instance_health_changed_event',
    timestamp: view.now,
    payload: {
      instanceId: instance.id,
      runSpecId: instance.appId,
      runSpecVersion: instance.version,
      healthy: view.healthy(instance),
    },
  };
}
