// The version that a request counts for.
import type { RequestRecord } from '#libs/proxy-core';
import type { RouteService } from '#libs/routing';

const ofServices = new WeakMap<RouteService, string | null>();

/**
 * That of the target; of a request that no target got the one that all targets of its service have, for no other could have got it. Undefined:
 * it could have been one or another, or the service has no target.
 */
export function versionOf({
  service,
  target,
}: Pick<RequestRecord, 'service' | 'target'>): string | undefined {
  if (target) return target.version;
  if (!service) return undefined;
  let known = ofServices.get(service);
  if (known === undefined) ofServices.set(service, (known = onlyVersionOf(service)));
  return known ?? undefined;
}

function onlyVersionOf({ targets }: RouteService): string | null {
  const version = targets[0]?.version;
  return version !== undefined && targets.every((each) => each.version === version) ? version : null;
}
