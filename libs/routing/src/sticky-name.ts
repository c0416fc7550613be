// How the cookie of sticky sessions (HAPROXY_{n}_STICKY) is called. Clients keep it, so all engines must call it the same, always.
import { fnv1a } from './hash.js';
import type { RouteService } from './route-table.js';

/** `longrun-` and a hash, for ids are nobody's business. */
export const stickyCookieName = ({ appId, portIndex }: Pick<RouteService, 'appId' | 'portIndex'>): string =>
  `longrun-${shortHash(`${appId} ${portIndex}`)}`;

/** FNV-1a, 32 bits, in at most seven letters and digits: the same in every worker. */
export const shortHash = (text: string): string => fnv1a(text).toString(36);
