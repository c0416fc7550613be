// Table of contents: what an event is and which there are.
export { LONGRUN_EVENT_TYPES, MARATHON_EVENT_TYPES } from './event.js';
export type { LongrunEventType, MarathonEventType, NewEvent, StoredEvent } from './event.js';
