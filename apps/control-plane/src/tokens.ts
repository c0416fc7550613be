// Names under which Nest hands out what main.ts builds by hand: the core and the settings know nothing of Nest.
import type { AgentGateway } from './agents/agent-gateway.js';
import type { EventHub } from './events/event-hub.js';
import type { ControlCore } from '#libs/control-core';
import type { Logger } from '#libs/telemetry';
import type { ApiSettings } from './settings.js';
import type { LogLevels } from './log-levels.js';
import type { Metrics } from './metrics.js';
import type { OpenStreams } from './open-streams.js';

export const CORE = Symbol('core');
export const SETTINGS = Symbol('settings');
export const EVENT_HUB = Symbol('event-hub');
export const AGENT_GATEWAY = Symbol('agent-gateway');
export const OPEN_STREAMS = Symbol('open-streams');
export const LOG_LEVELS = Symbol('log-levels');
export const METRICS = Symbol('metrics');

/** What the module is made with. */
export interface Parts {
  readonly core: ControlCore;
  readonly settings: ApiSettings;
  readonly hub: EventHub;
  readonly gateway: AgentGateway;
  readonly logger: Logger;
  readonly levels: LogLevels;
  readonly metrics: Metrics;
  readonly streams: OpenStreams;
}
