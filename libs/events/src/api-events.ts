// Events about a call that changed or tried to change something (events.md 3 and 6), and Longrun's own about agents and alarms.
import type { AgentNode, AppVersion, Timestamp } from '#libs/model';
import type { NewEvent } from './event.js';
import type { EventView, RowChange } from './event-view.js';

/** An app was accepted through the API; `uri` is the path without the query. */
export function apiPostEvent(
  call: { readonly clientIp: string; readonly uri: string },
  app: AppVersion,
  view: Pick<EventView, 'now' | 'showApp'>,
): NewEvent {
  const payload = { clientIp: call.clientIp, uri: call.uri, appDefinition: view.showApp(app) };
  return { type: 'api_post_event', timestamp: view.now, payload };
}

export const groupChangeSuccess = (groupId: string, version: Timestamp, now: Timestamp): NewEvent => ({
  type: 'group_change_success',
  timestamp: now,
  payload: { groupId, version },
});

export const groupChangeFailed = (groupId: string, reason: string, now: Timestamp): NewEvent => ({
  type: 'group_change_failed',
  timestamp: now,
  payload: { groupId, version: now, reason },
});

/** An agent registered, changed what it says about itself, got another liveness or was removed. */
export function agentEvents({ before, after }: RowChange<AgentNode>, view: EventView): NewEvent[] {
  const agent = after ?? before;
  const same =
    before &&
    after &&
    before.liveness === after.liveness &&
    before.diskLow === after.diskLow &&
    JSON.stringify(before.info) === JSON.stringify(after.info);
  if (!agent || same) return [];
  const { id, hostname, address } = agent.info;
  const liveness = after ? after.liveness : 'removed';
  const payload = { agentId: id, hostname, address, liveness, diskLow: agent.diskLow };
  return [{ type: 'agent_changed_event', timestamp: view.now, payload }];
}
