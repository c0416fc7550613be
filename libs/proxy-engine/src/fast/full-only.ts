// Services that only the full path can serve, although their requests look plain: HTTP/2 to the target, a PROXY header in front of each
// connection to it, answers compressed on the way. Most tables have none, and then nothing is looked up.
import type { RouteMatcher, RouteService } from '#libs/routing';
import { findService, type FindOptions } from '../admission/find-route.js';
import type { RequestFacts } from '../admission/request-facts.js';

const known = new WeakMap<RouteMatcher, boolean>();

export function needsFullPath(facts: RequestFacts, options: FindOptions): boolean {
  const { matcher } = options;
  let some = known.get(matcher);
  if (some === undefined) {
    some = matcher.table.services.some(isFullOnly);
    known.set(matcher, some);
  }
  if (!some) return false;
  const found = findService(facts, options);
  return found.kind === 'service' && isFullOnly(found.service);
}

function isFullOnly({ policy }: RouteService): boolean {
  return policy?.protocol === 'h2c' || policy?.compress === true || policy?.proxyProtocol?.send !== undefined;
}
