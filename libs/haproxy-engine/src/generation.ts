// One configuration that a worker of HAProxy runs by, with its places and what went to them; and what of it is counted: what is in flight
// to tasks that left, what went to whom, what waits.
import type { TrafficStanding } from '#libs/agent-protocol';
import type { TaskId } from '#libs/model';
import { byBusiness, standingOf, type StandingCounts, type TrafficSums } from '#libs/proxy-core';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import { nameOf, serviceNameOf } from './config-text.js';
import { usedOf, type UsedServers } from './haproxy-answers.js';
import type { GivenPlace } from './place-journal.js';
import { batchesOf } from './runtime-socket.js';
import { FailureCounter } from './failure-counter.js';
import type { Slots } from './slots.js';
import { standingServers, statRows, TrafficCounter, type StatRow } from './traffic-counter.js';

export interface Generation {
  readonly worker: number;
  /** By backend. */
  readonly slots: ReadonlyMap<string, Slots>;
  readonly traffic: TrafficCounter;
  readonly failures: FailureCounter;
}

export function generationOf(worker: number, slots: Generation['slots']): Generation {
  const traffic = new TrafficCounter();
  return { worker, slots, traffic, failures: new FailureCounter(traffic) };
}

/** Asks one worker; resolves with its answers. */
export type Ask = (worker: number, commands: readonly string[]) => Promise<string>;

/** Of more backends than that, what is in use is asked for all there are at once. */
const ASKED_ONE_BY_ONE_MAX = 50;
const SHOW_SERVERS = 'show stat -1 6 -1';
const NOTHING_USED: UsedServers = new Map();

export const placesOf = ({ worker, slots }: Generation): GivenPlace[] =>
  [...slots].flatMap(([backend, each]) =>
    [...each.places()].map(([place, task]) => ({ worker, backend, place, task })),
  );

export const hasLeaving = ({ slots }: Generation): boolean =>
  [...slots.values()].some((each) => each.hasLeaving);

export const leavingOf = ({ slots }: Generation): TaskId[] =>
  [...slots.values()].flatMap((each) => each.leaving());

/** What is in flight to tasks that have left; places of those with nothing are given back. All that had left until now are in it. */
export async function settle(generations: readonly Generation[], ask: Ask): Promise<Map<TaskId, number>> {
  const counts = new Map<TaskId, number>();
  for (const { worker, slots } of generations) {
    const leaving = [...slots].filter(([, each]) => each.hasLeaving);
    if (leaving.length === 0) continue;
    const used = await usedIn(
      (commands) => ask(worker, commands),
      leaving.map(([backend]) => backend),
    );
    for (const [backend, each] of leaving) {
      for (const task of each.leaving()) if (!counts.has(task)) counts.set(task, 0);
      for (const [task, count] of each.settle(used.get(backend) ?? NOTHING_USED))
        counts.set(task, (counts.get(task) ?? 0) + count);
    }
  }
  return counts;
}

/** Connections in use by backend and server, of these at least. */
async function usedIn(
  ask: (commands: readonly string[]) => Promise<string>,
  backends: readonly string[],
): Promise<ReadonlyMap<string, UsedServers>> {
  const command = 'show servers conn';
  const commands =
    backends.length > ASKED_ONE_BY_ONE_MAX ? [command] : backends.map((each) => `${command} ${each}`);
  const answers: string[] = [];
  for (const batch of batchesOf(commands)) answers.push(await ask(batch));
  return usedOf(answers.join('\n'));
}

interface Found {
  readonly service: RouteService;
  readonly target: RouteTarget;
}

export interface Measuring {
  readonly onCounted: (service: RouteService, target: RouteTarget | undefined, sums: TrafficSums) => void;
  /** All there are of a worker, before they are counted. */
  readonly onRows: (generation: Generation, rows: readonly StatRow[]) => void;
}

/** Hands over what went to each target since the last time; resolves with what is in flight, waits and is left out, the busiest first. */
export async function measure(
  generations: readonly Generation[],
  table: RouteTable,
  ask: Ask,
  { onCounted, onRows }: Measuring,
): Promise<TrafficStanding[]> {
  const targets = targetsOf(table);
  const services = new Map(table.services.map((service) => [nameOf(service), service]));
  const standings = new Map<string, Sum>();
  for (const generation of generations) {
    const { worker, slots, traffic } = generation;
    const targetAt = (backend: string, server: string): Found | undefined => {
      const task = slots.get(backend)?.taskAt(server);
      return task === undefined ? undefined : targets.get(`${serviceNameOf(backend)} ${task}`);
    };
    const rows = statRows(await ask(worker, [SHOW_SERVERS]));
    onRows(generation, rows);
    for (const { backend, server, sums } of traffic.grown(rows)) {
      const found = server === undefined ? undefined : targetAt(backend, server);
      const service = found?.service ?? services.get(serviceNameOf(backend));
      if (service && (found || server === undefined)) onCounted(service, found?.target, sums);
    }
    for (const { backend, server, ...counts } of standingServers(rows)) {
      const found = server === undefined ? undefined : targetAt(backend, server);
      const service = found?.service ?? services.get(serviceNameOf(backend));
      if (service && (found || server === undefined)) add(standings, service, found?.target, counts);
    }
  }
  return [...standings.values()]
    .map(({ service, target, counts }) => standingOf(service, target, counts))
    .sort(byBusiness);
}

interface Sum {
  readonly service: RouteService;
  readonly target: RouteTarget | undefined;
  readonly counts: StandingCounts;
}

/** A target may have a place in several backends of its service and in several workers; left out by more than one it is left out once. */
function add(
  sums: Map<string, Sum>,
  service: RouteService,
  target: RouteTarget | undefined,
  counts: StandingCounts,
): void {
  const key = `${nameOf(service)} ${target?.taskId ?? ''}`;
  const known = sums.get(key)?.counts ?? { inFlight: 0, waiting: 0, leftOut: 0 };
  sums.set(key, {
    service,
    target,
    counts: {
      inFlight: known.inFlight + counts.inFlight,
      waiting: known.waiting + counts.waiting,
      leftOut: Math.max(known.leftOut, counts.leftOut),
    },
  });
}

function targetsOf({ services }: RouteTable): ReadonlyMap<string, Found> {
  return new Map(
    services.flatMap((service) =>
      service.targets.map((target) => [`${nameOf(service)} ${target.taskId}`, { service, target }] as const),
    ),
  );
}
