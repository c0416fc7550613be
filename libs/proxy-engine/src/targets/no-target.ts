// Why no target could be had, in words for the body of a 503.
import { counted } from '#libs/model';
import { isOnItsWay, type RouteService } from '#libs/routing';
import type { NoTarget, NoTargetKind } from './pick.js';
import type { ServicePool } from './service-pool.js';
import type { TargetWish } from './wish.js';

/** Clients that obey try again about when a task may have started. */
const RETRY_AFTER_S = 5;
/** Room comes as soon as some request ends. */
const RETRY_AFTER_FULL_S = 1;

/** `pool`: of the table of this moment; undefined: the service is not in it. */
export function whyNoTarget(
  service: RouteService,
  pool: ServicePool | undefined,
  wish: TargetWish,
): NoTarget {
  if (!pool) return noTarget('removed', `app ${service.appId} is being removed`);
  const { seats, service: now } = pool;
  if (seats.length === 0)
    return noTarget(isOnItsWay(now.emptyReason) ? 'starting' : 'empty', cannot(now, now.emptyReason));
  const tried = wish.tried?.size ?? 0;
  if (tried === 0 && now.policy?.limits?.connectionsPerTarget !== undefined)
    return queueRefusal('queue-full', now, 0);
  const whom =
    tried === 1 && seats.length === 1
      ? 'its only instance'
      : `${tried} of its ${counted(seats.length, 'instance')}`;
  const what = `${whom} ${tried === 1 ? 'was' : 'were'} tried, ${triedResult(pool, wish)}`;
  if (!pool.allOut) return noTarget('all-tried', cannot(now, what));
  return noTarget('all-ejected', cannot(now, `${what}; all of them are left out for a while`));
}

export function queueRefusal(
  kind: 'queue-full' | 'queue-timeout',
  service: RouteService,
  waiting: number,
): NoTarget {
  const { connectionsPerTarget = 0 } = service.policy?.limits ?? {};
  const allowed =
    connectionsPerTarget === 1 ? 'one request in flight' : `${connectionsPerTarget} requests in flight`;
  const busy = `all of its instances have the ${allowed} that its limits allow`;
  const what =
    kind === 'queue-full'
      ? `${counted(waiting, 'more waits', 'more wait')} already`
      : 'none was free in the time that a request may wait';
  return noTarget(kind, cannot(service, `${busy}, and ${what}`), RETRY_AFTER_FULL_S);
}

function triedResult({ seats }: ServicePool, { tried }: TargetWish): string {
  const reached = seats.some(({ target, load }) => tried?.has(target.taskId) && load.refusals === 0);
  return reached ? 'none could answer' : 'none accepted a connection';
}

const cannot = ({ appId }: RouteService, why: string): string => `app ${appId} cannot answer now: ${why}`;

const noTarget = (kind: NoTargetKind, message: string, retryAfterS = RETRY_AFTER_S): NoTarget => ({
  kind,
  message,
  retryAfterS,
});
