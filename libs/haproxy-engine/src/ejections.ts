// Leaving out targets that answer badly, judged by the very rules of the built-in engine (libs/routing) from what HAProxy's counters say.
// They tell how many answers of a target failed between two looks, not in what order: a look in which most failed counts as that many
// in a row, any other as one at most. What is left out is taken out of HAProxy (maintenance) and brought back by us.
import type { TrafficStanding } from '#libs/agent-protocol';
import { byBusiness, standingOf } from '#libs/proxy-core';
import {
  leftOut,
  newConduct,
  noteAnswer,
  noteFailures,
  type Conduct,
  type RouteService,
  type RouteTable,
  type RouteTarget,
} from '#libs/routing';
import type { Clock } from '#libs/time';
import { nameOf } from './config-text.js';
import type { GrownFailures } from './failure-counter.js';

type TaskId = RouteTarget['taskId'];

export interface EjectionsOptions {
  readonly clock: Clock;
  /** Called each time that a target is left out. */
  readonly onLeftOut: (service: RouteService, target: RouteTarget) => void;
}

/** How often HAProxy is asked for answers that failed, and how often while somebody failed just now or is left out. ms. */
const LOOK_MS = { calm: 500, busy: 250 } as const;
/** What failed so long ago is looked at with all others. ms. */
const WATCHED_MS = 5_000;
const NOBODY: ReadonlySet<TaskId> = new Set();

interface Watched {
  service: RouteService;
  target: RouteTarget;
  readonly conduct: Conduct;
  failedAt: number;
  /** Looks that began before this say nothing: it was left out for a part of their time. */
  judgedSince: number;
}

/** Of one target between two looks, in all its places. */
interface Sum {
  failed: number;
  sound: number;
  since: number;
}

/** By target, in one look: `of` takes what one of its places says. */
export class Look {
  readonly sums = new Map<string, Map<TaskId, Sum>>();
  /** Down by HAProxy's own judgement, or not, as far as it was looked at. */
  readonly down = new Map<string, Map<TaskId, boolean>>();

  add(service: string, task: TaskId, { failed, sound, since }: GrownFailures): void {
    const sums = entry(this.sums, service);
    const sum = sums.get(task);
    if (sum) {
      sum.failed += failed;
      sum.sound += sound;
      sum.since = Math.min(sum.since, since);
    } else sums.set(task, { failed, sound, since });
  }

  stands(service: string, task: TaskId, isDown: boolean): void {
    entry(this.down, service).set(task, isDown);
  }
}

export class Ejections {
  readonly #options: EjectionsOptions;
  /** By service. Those that failed, until an answer ends it. */
  readonly #watched = new Map<string, Map<TaskId, Watched>>();
  /** By service that is watched: who does not accept connections. */
  readonly #down = new Map<string, Map<TaskId, boolean>>();
  /** What HAProxy was told last. */
  readonly #told = new Map<string, ReadonlySet<TaskId>>();

  constructor(options: EjectionsOptions) {
    this.#options = options;
  }

  /** Until the next look, ms. */
  get pauseMs(): number {
    const now = this.#options.clock.now();
    let pause: number = LOOK_MS.calm;
    for (const watched of this.#each()) {
      if (!isActive(watched, now)) continue;
      const { outUntil } = watched.conduct;
      pause = Math.min(pause, LOOK_MS.busy, outUntil > now ? Math.max(1, outUntil - now) : LOOK_MS.busy);
    }
    return pause;
  }

  /** Services that are to be looked at closely. */
  active(): Set<string> {
    const now = this.#options.clock.now();
    return new Set(
      [...this.#watched].flatMap(([service, tasks]) =>
        [...tasks.values()].some((each) => isActive(each, now)) ? [service] : [],
      ),
    );
  }

  /** Judges what was seen. Answers with the services of which others are left out than HAProxy was told. */
  judge({ sums, down }: Look, { services }: RouteTable): string[] {
    const now = this.#options.clock.now();
    const byName = new Map(
      services.flatMap((service) => {
        const name = nameOf(service);
        const matters = sums.has(name) || this.#watched.has(name) || this.#told.has(name);
        return matters ? [[name, service] as const] : [];
      }),
    );
    for (const name of [...this.#watched.keys(), ...this.#told.keys()])
      if (!byName.has(name)) this.#forget(name, true);
    for (const [name, service] of byName) {
      for (const target of service.targets) {
        const sum = sums.get(name)?.get(target.taskId);
        if (sum) this.#note(service, target, sum, now);
      }
      for (const [task, isDown] of down.get(name) ?? [])
        if (this.#watched.has(name)) entry(this.#down, name).set(task, isDown);
      this.#tidy(name, service);
    }
    return [...byName].flatMap(([name, service]) =>
      isSame(this.outOf(service), this.#told.get(name) ?? NOBODY) ? [] : [name],
    );
  }

  /** Who of it is left out now, as HAProxy is told. */
  outOf(service: RouteService): ReadonlySet<TaskId> {
    const watched = this.#watched.get(nameOf(service));
    if (!watched) return NOBODY;
    const now = this.#options.clock.now();
    const down = this.#down.get(nameOf(service));
    const candidates = service.targets.map(({ taskId }) => ({
      taskId,
      load: down?.get(taskId) === true ? REFUSING : (watched.get(taskId)?.conduct ?? SOUND),
    }));
    const out = [...leftOut(candidates, now)].filter(({ load }) => load.outBy === 'answers');
    return out.length === 0 ? NOBODY : new Set(out.map(({ taskId }) => taskId));
  }

  /** HAProxy has been told of them. */
  told(service: RouteService, out: ReadonlySet<TaskId>): void {
    const name = nameOf(service);
    const before = this.#told.get(name) ?? NOBODY;
    if (before === out) return;
    const now = this.#options.clock.now();
    for (const [task, watched] of this.#watched.get(name) ?? [])
      if (before.has(task) !== out.has(task)) watched.judgedSince = now;
    if (out.size === 0) this.#told.delete(name);
    else this.#told.set(name, out);
  }

  /** With those that are left out now, the busiest first. */
  standings(others: readonly TrafficStanding[]): readonly TrafficStanding[] {
    const out = [...this.#each()].filter(
      ({ service, target }) => this.#told.get(nameOf(service))?.has(target.taskId) === true,
    );
    if (out.length === 0) return others;
    const all = [...others];
    for (const { service, target } of out) {
      const at = all.findIndex(
        ({ taskId, portIndex }) => taskId === target.taskId && portIndex === service.portIndex,
      );
      const known = all[at];
      if (known) all[at] = { ...known, leftOut: 1 };
      else all.push(standingOf(service, target, { inFlight: 0, waiting: 0, leftOut: 1 }));
    }
    return all.sort(byBusiness);
  }

  #note(service: RouteService, target: RouteTarget, { failed, sound, since }: Sum, now: number): void {
    const name = nameOf(service);
    const known = this.#watched.get(name)?.get(target.taskId);
    if (failed === 0 && !known) return;
    const watched = known ?? {
      service,
      target,
      conduct: newConduct(),
      failedAt: now,
      judgedSince: -Infinity,
    };
    watched.service = service;
    watched.target = target;
    if (failed > 0) watched.failedAt = now;
    entry(this.#watched, name).set(target.taskId, watched);
    const isResting = this.#told.get(name)?.has(target.taskId) === true;
    // what was asked before it was left out says nothing new
    if (isResting || since < watched.judgedSince) return;
    const { conduct } = watched;
    const isBad = failed > sound;
    if (sound > 0 && !isBad) noteAnswer(conduct, since);
    else if (sound > 0 && conduct.rests === 0) conduct.failures = 0;
    const row = isBad ? failed : Math.min(failed, 1);
    if (row > 0 && noteFailures(conduct, row, { now, since }, service.policy?.ejection))
      this.#options.onLeftOut(service, target);
  }

  #tidy(name: string, { targets }: RouteService): void {
    const watched = this.#watched.get(name);
    if (!watched) return;
    const now = this.#options.clock.now();
    const there = new Set(targets.map(({ taskId }) => taskId));
    for (const [task, each] of watched) {
      const { failures, rests, outUntil } = each.conduct;
      const isClean = failures === 0 && rests === 0 && outUntil <= now && !isActive(each, now);
      if (isClean || !there.has(task)) watched.delete(task);
    }
    if (watched.size === 0) this.#forget(name, false);
  }

  #forget(name: string, isGone: boolean): void {
    this.#watched.delete(name);
    this.#down.delete(name);
    if (isGone) this.#told.delete(name);
  }

  *#each(): Generator<Watched> {
    for (const tasks of this.#watched.values()) yield* tasks.values();
  }
}

const SOUND: Pick<Conduct, 'outUntil' | 'outBy'> = { outUntil: 0, outBy: 'answers' };
/** Until HAProxy takes it back. */
const REFUSING: Pick<Conduct, 'outUntil' | 'outBy'> = { outUntil: Infinity, outBy: 'connects' };

const isActive = ({ conduct, failedAt, judgedSince }: Watched, now: number): boolean =>
  conduct.outUntil > now || now - Math.max(failedAt, judgedSince) < WATCHED_MS;

function entry<V>(all: Map<string, Map<TaskId, V>>, name: string): Map<TaskId, V> {
  const known = all.get(name) ?? new Map<TaskId, V>();
  all.set(name, known);
  return known;
}

const isSame = (one: ReadonlySet<TaskId>, other: ReadonlySet<TaskId>): boolean =>
  one.size === other.size && [...one].every((each) => other.has(each));
