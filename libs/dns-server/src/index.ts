// Table of contents: a name server that answers from the route table.
export { DnsServer } from './dns-server.js';
export type { DnsServerOptions } from './dns-server.js';
