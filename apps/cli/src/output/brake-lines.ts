// The brakes as `longrun status` shows them: only what is on, for then a person should know.
import type { BrakeAnswer } from '#libs/api-client';
import { counted } from '#libs/model';

/** Empty: neither brake is on for this app. */
export function brakeLines({ apps, hosts }: BrakeAnswer): string[] {
  const lines = apps
    .filter(({ on }) => on)
    .map(({ by, since = '', unhealthy, healthy, holds, endsAt }) => {
      const whose = by === 'fleet' ? ' (that of the fleet)' : '';
      const end = endsAt === undefined ? '' : `; it ends at ${endsAt} if it stays calm`;
      return (
        `mass-kill brake${whose}: on since ${since}, ${unhealthy} of ${unhealthy + healthy} turned unhealthy together, ` +
        `so the checks are suspected first: ${holds.length} not killed, traffic goes to all${end}`
      );
    });
  if (!hosts.on) return lines;
  const names = hosts.silent.map(({ hostname }) => hostname).join(', ');
  return [
    ...lines,
    `host brake: on since ${hosts.since ?? ''}, ${hosts.silent.length} of ${counted(hosts.agents, 'agent')} ${hosts.silent.length === 1 ? 'is' : 'are'} silent (${names}) and not declared lost`,
  ];
}
