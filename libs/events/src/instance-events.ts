// Events about one instance whose row changed: task states, condition and goal, in the order in which Marathon's
// clients see them (events.md 4 and 8): for a placement the condition first, for a report the task state first.
import { heldPorts, timestampOf, type Instance } from '#libs/model';
import type { NewEvent } from './event.js';
import { healthEvents } from './health-events.js';
import { hostOf, isTerminalCondition, taskIdOf, type EventView, type RowChange } from './event-view.js';

export function instanceEvents({ before, after }: RowChange<Instance>, view: EventView): NewEvent[] {
  if (!after) return before ? removal(before, view) : [];
  if (!before) return creation(after, view);
  return [
    ...killDecision(before, after, view),
    ...goalChange(before, after, view),
    ...healthEvents(before, after, view),
    ...stateChange(before, after, view),
    ...routingChange(before, after, view),
  ];
}

function creation(after: Instance, view: EventView): NewEvent[] {
  const placedAtOnce = after.incarnation > 0;
  const scheduled: Instance = placedAtOnce ? asScheduled(after) : after;
  const first = instanceChanged(scheduled, view);
  return placedAtOnce ? [first, instanceChanged(after, view), statusUpdate(after, view)] : [first];
}

function asScheduled({ agentId: _agent, taskId: _task, status: _status, ...rest }: Instance): Instance {
  return { ...rest, incarnation: 0, placed: false, hostPorts: [] };
}

/** A removed instance has been reported terminal as a rule; otherwise (lost agent, never placed) this is the last word. */
function removal(before: Instance, view: EventView): NewEvent[] {
  return isTerminalCondition(view.condition(before)) ? [] : [instanceChanged(before, view)];
}

/** A change of goal is an event with an unchanged condition (events.md 4). */
function goalChange(before: Instance, after: Instance, view: EventView): NewEvent[] {
  return before.goal === after.goal ? [] : [instanceChanged(before, view)];
}

function stateChange(before: Instance, after: Instance, view: EventView): NewEvent[] {
  const [conditionBefore, condition] = [view.condition(before), view.condition(after)];
  const [stateBefore, state] = [view.taskState(before), view.taskState(after)];
  const anotherTask = before.taskId !== after.taskId && after.taskId !== undefined;
  const changed = condition !== conditionBefore || anotherTask;
  const hasTask = taskIdOf(after) !== undefined;
  if (anotherTask && condition === 'Provisioned') {
    return [instanceChanged(after, view), statusUpdate(after, view)];
  }
  return [
    ...(hasTask && (state !== stateBefore || anotherTask) ? [statusUpdate(after, view)] : []),
    ...(changed ? [instanceChanged(after, view)] : []),
  ];
}

function killDecision(before: Instance, after: Instance, view: EventView): NewEvent[] {
  if (before.stop || after.stop?.cause.kind !== 'health') return [];
  const results = (after.status?.health ?? []).filter((each) => each !== null);
  const latest = results.reduce<(typeof results)[number] | undefined>(
    (best, each) => ((each.lastFailureAt ?? 0) > (best?.lastFailureAt ?? 0) ? each : best),
    undefined,
  );
  return [
    {
      type: 'unhealthy_instance_kill_event',
      timestamp: latest?.lastFailureAt === undefined ? view.now : timestampOf(latest.lastFailureAt),
      payload: {
        appId: after.appId,
        taskId: taskIdOf(after) ?? '',
        instanceId: after.id,
        version: after.version,
        reason: latest?.lastFailureCause ?? after.stop.cause.text,
        host: hostOf(after, view) ?? 'unknown',
        ...(after.agentId === undefined ? {} : { slaveId: after.agentId }),
      },
    },
  ];
}

function routingChange(before: Instance, after: Instance, view: EventView): NewEvent[] {
  if (before.routing === after.routing) return [];
  const cause = after.routing === 'out' ? (after.stop?.cause ?? after.cause) : after.cause;
  return [
    {
      type: 'routing_changed_event',
      timestamp: view.now,
      payload: {
        appId: after.appId,
        instanceId: after.id,
        taskId: taskIdOf(after) ?? null,
        routing: after.routing,
        cause: cause.text,
        causeKind: cause.kind,
      },
    },
  ];
}

function instanceChanged(instance: Instance, view: EventView): NewEvent {
  return {
    type: 'instance_changed_event',
    timestamp: view.now,
    payload: {
      instanceId: instance.id,
      condition: view.condition(instance),
      runSpecId: instance.appId,
      agentId: instance.agentId ?? null,
      host: hostOf(instance, view),
      runSpecVersion: instance.version,
    },
  };
}

function statusUpdate(instance: Instance, view: EventView): NewEvent {
  const { status } = instance;
  const current = status && status.taskId === taskIdOf(instance) ? status : undefined;
  return {
    type: 'status_update_event',
    timestamp: view.now,
    payload: {
      slaveId: instance.agentId ?? '',
      taskId: taskIdOf(instance) ?? '',
      taskStatus: view.taskState(instance),
      message: current?.exit?.message ?? current?.reject?.message ?? instance.stop?.cause.text ?? '',
      appId: instance.appId,
      host: hostOf(instance, view) ?? 'unknown',
      ipAddresses: addressesOf(instance, view),
      ports: heldPorts(instance),
      version: instance.version,
    },
  };
}

/** With host networking the task has its agent's address (behaviour.md 13.5); a task that never started has none. */
function addressesOf({ status, agentId }: Instance, view: EventView): readonly object[] {
  if (!status || status.startedAt === undefined) return [];
  if (status.ipAddresses.length) return status.ipAddresses;
  const address = agentId && view.agent(agentId)?.info.address;
  if (!address || !/^[\d.]+$|:/.test(address)) return [];
  return [{ ipAddress: address, protocol: address.includes(':') ? 'IPv6' : 'IPv4' }];
}
