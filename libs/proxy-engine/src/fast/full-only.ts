// Services that only the full path can serve, although their requests look plain: HTTP/2 to the target, a PROXY header in front of each
// connection to it, answers compressed or their Location changed on the way, bodies of unknown length that have a limit. Most tables
// have none, and then nothing is looked up.
import type { RouteMatcher, RouteService } from '#libs/routing';
import { findService, type FindOptions } from '../admission/find-route.js';
import type { RequestFacts } from '../admission/request-facts.js';

const known = new WeakMap<RouteMatcher, boolean>();

export function needsFullPath(facts: RequestFacts, options: FindOptions): boolean {
  const { matcher } = options;
  let some = known.get(matcher);
  if (some === undefined) {
    some = matcher.table.services.some(
      (each) => isFullOnly(each) || mustCount(each, { bodyBytes: undefined }),
    );
    known.set(matcher, some);
  }
  if (!some) return false;
  const found = findService(facts, options);
  return found.kind === 'service' && (isFullOnly(found.service) || mustCount(found.service, facts));
}

function isFullOnly({ policy }: RouteService): boolean {
  return (
    policy?.protocol === 'h2c' ||
    policy?.compress === true ||
    policy?.locationPrefix !== undefined ||
    policy?.proxyProtocol?.send !== undefined
  );
}

/** A body with a length is judged by that. */
const mustCount = ({ policy }: RouteService, { bodyBytes }: Pick<RequestFacts, 'bodyBytes'>): boolean =>
  policy?.limits?.bodyBytes !== undefined && bodyBytes === undefined;
