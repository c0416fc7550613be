// Events are derived from what a commit changes, never built where the change is decided: so an event can neither be
// forgotten nor be wrong about its row. The order within one commit makes events.md 8 come out over the commits of a life:
// ends of the old (replaced deployments, facts about the call, instances that went, app_terminated), steps that begin, instances that
// moved, deployments that ended.
import type { AgentNode, App, Deployment, Instance } from '#libs/model';
import { agentEvents } from './api-events.js';
import { advanceEvents, endEvents } from './deployment-events.js';
import type { NewEvent } from './event.js';
import { instanceEvents } from './instance-events.js';
import type { EventView, RowChange } from './event-view.js';

/** All rows that one commit touches, in the order of its writes; each row once, from before the first to after the last write. */
export interface ChangeSet {
  readonly apps: readonly RowChange<App>[];
  readonly instances: readonly RowChange<Instance>[];
  readonly deployments: readonly RowChange<Deployment>[];
  readonly agents: readonly RowChange<AgentNode>[];
}

/** `facts`: what happened besides the rows, as told by who wrote them (`api_post_event`, `group_change_success`, …). */
export function deriveEvents(
  changes: ChangeSet,
  view: EventView,
  facts: readonly NewEvent[] = [],
): NewEvent[] {
  const cancelled = changes.deployments.filter(({ after }) => after?.status === 'cancelled');
  const others = changes.deployments.filter((each) => !cancelled.includes(each));
  const gone = changes.instances.filter(({ after }) => !after);
  const moved = changes.instances.filter(({ after }) => after);
  return [
    ...changes.agents.flatMap((each) => agentEvents(each, view)),
    ...cancelled.flatMap((each) => endEvents(each, view)),
    ...facts,
    ...gone.flatMap((each) => instanceEvents(each, view)),
    ...changes.apps.flatMap((each) => terminated(each, view)),
    ...changes.apps.flatMap((each) => trafficChange(each, view)),
    ...others.flatMap((each) => advanceEvents(each, view)),
    ...moved.flatMap((each) => instanceEvents(each, view)),
    ...others.flatMap((each) => endEvents(each, view)),
  ];
}

function terminated({ before, after }: RowChange<App>, view: EventView): NewEvent[] {
  if (!before || after) return [];
  return [{ type: 'app_terminated_event', timestamp: view.now, payload: { appId: before.id } }];
}

/** Values of pins may be what a tester must know: they stay out. */
function trafficChange({ before, after }: RowChange<App>, view: EventView): NewEvent[] {
  if (!after || before?.traffic === after.traffic) return [];
  const { shares = [], pins = [], cause } = after.traffic ?? {};
  const payload = {
    appId: after.id,
    shares: shares.map(({ version, weight }) => ({ version, weight })),
    pins: pins.map(({ by, name, version }) => ({ by, name, version })),
    ...(cause ? { cause: cause.text } : {}),
  };
  return [{ type: 'traffic_changed_event', timestamp: view.now, payload }];
}
