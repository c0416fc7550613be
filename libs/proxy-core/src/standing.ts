// How targets stand at a moment, in the form in which reports, metrics and the admin endpoint carry it, whatever the engine.
import type { TrafficStanding } from '#libs/agent-protocol';
import type { RouteService, RouteTarget } from '#libs/routing';

export type StandingCounts = Pick<TrafficStanding, 'inFlight' | 'waiting' | 'leftOut'>;

/** Without a target: of the line in which requests wait for any target of the service. */
export function standingOf(
  { appId, portIndex }: RouteService,
  target: RouteTarget | undefined,
  { inFlight, waiting, leftOut }: StandingCounts,
): TrafficStanding {
  return {
    ...{ appId, portIndex },
    ...(target?.version === undefined ? {} : { version: target.version }),
    ...(target ? { taskId: target.taskId } : {}),
    ...{ inFlight, waiting, leftOut },
  };
}

/** The busiest first. */
export const byBusiness = (one: StandingCounts, other: StandingCounts): number =>
  other.waiting + other.inFlight - one.waiting - one.inFlight;
