// Table of contents: simulated proxies and their clients.
export { SimulatedProxy } from './simulated-proxy.js';
export type { ProxyHooks, SimulatedProxyParts } from './simulated-proxy.js';
export type { ClientRequest } from './exchange.js';
export type { FindListener, ListeningTask } from './listening-task.js';
