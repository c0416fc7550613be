// Events as stored in the outbox and sent on `/v2/events` (Marathon's types only) and `/v3/events` (all of them).
// They are written in the transaction that made them true and numbered as its last statement (decisions.md 6).
import type { Timestamp } from '#libs/model';

/** Types that Marathon 1.11 has and we send; strict clients stop at any other (events.md, clients.md). */
export const MARATHON_EVENT_TYPES = [
  'api_post_event',
  'status_update_event',
  'instance_changed_event',
  'instance_health_changed_event',
  'unknown_instance_terminated_event',
  'app_terminated_event',
  'add_health_check_event',
  'remove_health_check_event',
  'failed_health_check_event',
  'health_status_changed_event',
  'unhealthy_instance_kill_event',
  'group_change_success',
  'group_change_failed',
  'deployment_info',
  'deployment_step_success',
  'deployment_step_failure',
  'deployment_success',
  'deployment_failed',
  'event_stream_attached',
  'event_stream_detached',
] as const;
export type MarathonEventType = (typeof MARATHON_EVENT_TYPES)[number];

/** Longrun's own, on `/v3/events` only. */
export const LONGRUN_EVENT_TYPES = [
  'agent_changed_event',
  'routing_changed_event',
  'traffic_changed_event',
  'leader_changed_event',
  'alarm_raised_event',
  'alarm_cleared_event',
] as const;
export type LongrunEventType = (typeof LONGRUN_EVENT_TYPES)[number];

export interface NewEvent {
  readonly type: MarathonEventType | LongrunEventType;
  readonly timestamp: Timestamp;
  /** Members besides eventType and timestamp, in the shape of events.md. */
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface StoredEvent extends NewEvent {
  /** Grows by 1 with each event; the cursor of the stream. */
  readonly number: number;
}
