// Table of contents: the route table, matching a request to a service, choosing a target.
export type { RouteMode, RouteService, RouteTable, RouteTarget } from './route-table.js';
