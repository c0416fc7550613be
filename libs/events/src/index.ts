// Table of contents: what an event is and which there are.
export { LONGRUN_EVENT_TYPES, MARATHON_EVENT_TYPES } from './event.js';
export type { LongrunEventType, MarathonEventType, NewEvent, StoredEvent } from './event.js';
export { EVENT_CATALOGUE } from './catalogue.js';
export type { EventDescription } from './catalogue.js';
export { agentEvents, apiPostEvent, groupChangeFailed, groupChangeSuccess } from './api-events.js';
export { checksAdded } from './health-events.js';
export { deriveEvents } from './derive-events.js';
export type { ChangeSet } from './derive-events.js';
export type { EventView, RowChange } from './event-view.js';
export { lightPlan } from './plan-view.js';
