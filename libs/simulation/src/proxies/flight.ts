// A request on its connection to a task: from the accepted connect until the answer is complete, or the task is gone. Truth of the
// played world; the proxy learns of either end once it runs, and the way back is not cut.
import type { FlightFact } from '../promises/watch.js';
import type { SimNetwork } from '../engine/network.js';
import type { SimProcess } from '../engine/sim-process.js';
import type { Timeline } from '../engine/timeline.js';
import type { ListeningTask } from './listening-task.js';

/** How often somebody looks whether a task that hangs goes on. */
const HUNG_MS = 1_000;
/** The proxy gives a task up that says nothing for so long. */
const SILENCE_MS = 300_000;

export type FlightEnd =
  | { readonly kind: 'answered'; readonly status: number }
  /** The kernel of its host has reset the connection. */
  | { readonly kind: 'reset' }
  /** Nothing came for so long that the proxy gave it up. */
  | { readonly kind: 'silent' };

interface Flight extends FlightFact {
  readonly task: ListeningTask;
  readonly host: string;
  readonly ended: (end: FlightEnd) => void;
  /** For the task it is over. */
  isOver: boolean;
  /** True time from which on it hangs; null: it does not. */
  hungSince: number | null;
}

export interface FlightPlan {
  readonly task: ListeningTask;
  /** Of the task, as partitions know it. */
  readonly host: string;
  /** How long the task works on it, ms. */
  readonly forMs: number;
  /** Called in the process of the proxy, once. */
  readonly ended: (end: FlightEnd) => void;
}

export class Flights {
  readonly #all = new Set<Flight>();
  readonly #ofTask = new Map<ListeningTask, Set<Flight>>();
  /** Those that end at the same time share one thing that happens. */
  readonly #due = new Map<number, Flight[]>();

  constructor(
    private readonly process: SimProcess,
    private readonly timeline: Timeline,
    private readonly network: SimNetwork,
  ) {}

  begin({ task, host, forMs, ended }: FlightPlan): void {
    const since = this.timeline.now;
    const flight: Flight = { taskId: task.taskId, since, task, host, ended, isOver: false, hungSince: null };
    this.#all.add(flight);
    this.#flightsTo(task).add(flight);
    this.#workUntil(since + forMs, flight);
  }

  facts(): readonly FlightFact[] {
    return [...this.#all];
  }
  #flightsTo(task: ListeningTask): Set<Flight> {
    const known = this.#ofTask.get(task);
    if (known) return known;
    const flights = new Set<Flight>();
    this.#ofTask.set(task, flights);
    task.onEnd(() => {
      this.#ofTask.delete(task);
      for (const flight of flights) {
        if (task.how !== 'power-off') this.#end(flight, { kind: 'reset' });
        // nobody says so
        else this.timeline.after(SILENCE_MS, () => this.#end(flight, { kind: 'silent' }));
      }
    });
    return flights;
  }

  #workUntil(time: number, flight: Flight): void {
    const due = this.#due.get(time);
    if (due) return void due.push(flight);
    const group = [flight];
    this.#due.set(time, group);
    this.timeline.at(time, () => {
      this.#due.delete(time);
      for (const each of group) this.#answer(each);
    });
  }

  #answer(flight: Flight): void {
    const { task } = flight;
    if (flight.isOver || task.how === 'power-off') return;
    if (task.isHung) return this.#wait(flight);
    const reply = task.http('/');
    this.#ofTask.get(task)?.delete(flight);
    // one that has closed its port finishes what it has
    this.#end(flight, { kind: 'answered', status: reply.kind === 'answer' ? reply.status : 200 });
  }

  #wait(flight: Flight): void {
    const { now } = this.timeline;
    flight.hungSince ??= now;
    if (now - flight.hungSince < SILENCE_MS) return this.#workUntil(now + HUNG_MS, flight);
    this.#ofTask.get(flight.task)?.delete(flight);
    this.#end(flight, { kind: 'silent' });
  }

  #end(flight: Flight, end: FlightEnd): void {
    if (flight.isOver) return;
    flight.isOver = true;
    this.#all.delete(flight);
    const { host } = this.process;
    const deliver = (): void => this.process.do(() => flight.ended(end));
    if (this.network.isCut(flight.host, host)) this.network.carry(flight.host, host, deliver);
    else deliver();
  }
}
