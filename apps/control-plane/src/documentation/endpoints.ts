// All endpoints in the order in which pages show them.
import type { Endpoint } from './endpoint.js';
import { APP_ENDPOINTS } from './endpoints-apps.js';
import { EXPLAIN_ENDPOINTS } from './endpoints-explain.js';
import { GROUP_ENDPOINTS, POD_ENDPOINTS } from './endpoints-groups.js';
import {
  DEPLOYMENT_ENDPOINTS,
  EVENT_ENDPOINTS,
  QUEUE_ENDPOINTS,
  TASK_ENDPOINTS,
} from './endpoints-running.js';
import { AGENT_ENDPOINTS, PAGE_ENDPOINTS, PROXY_ENDPOINTS, SYSTEM_ENDPOINTS } from './endpoints-system.js';

export const ENDPOINTS: readonly Endpoint[] = [
  ...APP_ENDPOINTS,
  ...GROUP_ENDPOINTS,
  ...TASK_ENDPOINTS,
  ...DEPLOYMENT_ENDPOINTS,
  ...QUEUE_ENDPOINTS,
  ...EXPLAIN_ENDPOINTS,
  ...EVENT_ENDPOINTS,
  ...SYSTEM_ENDPOINTS,
  ...PAGE_ENDPOINTS,
  ...AGENT_ENDPOINTS,
  ...PROXY_ENDPOINTS,
  ...POD_ENDPOINTS,
];

/** What a part of the API is about, in the order in which the parts are shown. */
export const TAGS: Readonly<Record<string, string>> = {
  Apps: 'Definitions, versions and tasks of apps.',
  Groups: 'Apps in a tree: to read, change, scale and remove many at once.',
  Tasks: 'Running tasks over all apps.',
  Deployments: 'Changes under way, and how they ended.',
  Queue: 'What waits to be launched, and why.',
  Events: 'Streams of what happens.',
  System: 'The server itself.',
  'Agents and instances': 'Hosts, what runs on them, and its output.',
  Proxies: 'What proxies ask and tell.',
  'Only for those who ask': 'Paths of Marathon that clients and browsers try, and that hold nothing here.',
};
