// The query of `GET /v3/routes` (RoutesQuery), the same over a real network and over a simulated one.
import type { RoutesQuery } from './seams.js';

/** Without the question mark. */
export const routesSearch = ({ epoch, after, by }: Omit<RoutesQuery, 'at'>): string =>
  new URLSearchParams({ epoch: String(epoch), after: String(after), ...by }).toString();
