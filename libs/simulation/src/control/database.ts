// The store of the simulated cluster: the memory store of libs/store behind a network. Calls take time, may never come back, and a
// commit may take effect although its caller is gone or was told that the store is away. What was acknowledged stays.
import { StoreUnavailable, MemoryStore } from '#libs/store';
import type { Commit, CommitResult, Store, Write } from '#libs/store';
import type { Clock, Timer } from '#libs/time';
import { randomUuids, type Random } from '../engine/random.js';
import type { SimNetwork } from '../engine/network.js';
import type { SimProcess } from '../engine/sim-process.js';
import type { Timeline } from '../engine/timeline.js';

export const STORE_HOST = 'store';
/** A statement without an answer is given up after this; as the statement time-out of libs/persistence. */
const ANSWER_MS = 7_000;
/** How long the server takes for a statement, ms. */
const WORK_MS = [0, 3] as const;

export type CommitHook = (by: SimProcess, commit: Commit, result: CommitResult) => void;

/** A process dies at its n-th commit from now: before it reaches the store, or once it took effect. */
export interface CrashPoint {
  readonly when: 'before-commit' | 'after-commit';
  readonly nth: number;
  /** Only commits with such a write count; absent: all do. */
  readonly write?: Write['kind'] | undefined;
  /** True time, epoch ms: what has not come by then does not happen. */
  readonly until: number;
  /** Only its commits count; null: those of whoever leads. */
  readonly of: SimProcess | null;
  /** Kills the one whose commit it was. */
  readonly kill: (process: SimProcess) => void;
}

interface ArmedPoint extends CrashPoint {
  left: number;
}

export class SimDatabase {
  readonly #memory: MemoryStore;
  readonly #clock: StepClock;
  readonly #random: Random;
  #crashes: readonly ArmedPoint[] = [];
  #condition: 'up' | 'refuses' | 'down' = 'up';
  #answersToLose = 0;
  #answersUnderWay = 0;

  constructor(
    private readonly timeline: Timeline,
    private readonly network: SimNetwork,
    random: Random,
    private readonly committed: CommitHook,
  ) {
    this.#random = random.fork('database');
    this.#clock = new StepClock(timeline);
    this.#memory = new MemoryStore({ clock: this.#clock, ids: randomUuids(this.#random.fork('ids')) });
  }

  /** What is stored, without any delay: for checks. */
  get truth(): MemoryStore {
    return this.#memory;
  }

  /** Somebody has not heard yet what was done for it. */
  get isAnswering(): boolean {
    return this.#answersUnderWay > 0;
  }

  /** `refuses`: reads are answered, commits and campaigns are not taken. */
  setCondition(condition: 'up' | 'refuses' | 'down'): void {
    this.#condition = condition;
  }
  /** The server that takes over has another clock. */
  stepClock(ms: number): void {
    this.#clock.step(ms);
  }
  loseAnswers(count: number): void {
    this.#answersToLose += count;
  }
  /** Beside those that are waited for already. */
  arm(point: CrashPoint): void {
    this.#crashes = [...this.#crashes, { ...point, left: point.nth }];
  }

  connect(process: SimProcess): Store {
    const memory = this.#memory.connect();
    const ask = <T>(work: () => Promise<T>): Promise<T> => this.#ask(process, work);
    const change = <T>(work: () => Promise<T>): Promise<T> =>
      this.#ask(process, () => {
        if (this.#condition === 'refuses') throw new StoreUnavailable('the server is read-only');
        return work();
      });
    const changing: Partial<Record<string | symbol, true>> = { campaign: true, resign: true, putToken: true };
    return new Proxy<Store>(memory, {
      get: (target, name) => {
        if (name === 'commit') return (commit: Commit) => this.#commit(process, memory, commit);
        if (name === 'close') return () => Promise.resolve();
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        const call = (args: unknown[]): Promise<unknown> =>
          Reflect.apply(method, target, args) as Promise<unknown>;
        return (...args: unknown[]) => (changing[name] ? change : ask)(() => call(args));
      },
    });
  }

  #commit(process: SimProcess, memory: MemoryStore, commit: Commit): Promise<CommitResult> {
    const crash = this.#crashOf(process, commit);
    if (crash?.when === 'before-commit') {
      crash.kill(process);
      return new Promise(() => undefined);
    }
    return this.#ask(process, async () => {
      if (this.#condition === 'refuses') throw new StoreUnavailable('the server is read-only');
      const result = await memory.commit(commit);
      this.committed(process, commit, result);
      crash?.kill(process);
      if (this.#answersToLose > 0 && result.kind === 'committed') {
        this.#answersToLose -= 1;
        throw new StoreUnavailable('the connection broke before the answer');
      }
      return result;
    });
  }

  /** The crash point that this commit has come to. */
  #crashOf(process: SimProcess, { writes }: Commit): CrashPoint | undefined {
    if (!this.#crashes.length) return undefined;
    const { now } = this.timeline;
    for (const point of this.#crashes) {
      const isMeant = point.of === null || point.of === process;
      const isOfKind = point.write === undefined || writes.some(({ kind }) => kind === point.write);
      if (isMeant && isOfKind) point.left -= 1;
    }
    const due = this.#crashes.find(({ left, until }) => left <= 0 && now <= until);
    this.#crashes = this.#crashes.filter(
      ({ left, until, of }) => left > 0 && now <= until && (of === null || of.isAlive),
    );
    return due;
  }

  /** There, work, and back; StoreUnavailable when it takes too long. The work may still happen then. */
  #ask<T>(process: SimProcess, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (tell: () => void): void => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        process.do(tell);
      };
      const fail = (error: unknown): void => end(() => reject(asError(error)));
      const timer: Timer = process.clock.after(ANSWER_MS, () => fail(new StoreUnavailable('no answer')));
      const back = (tell: () => void): void => {
        this.#answersUnderWay += 1;
        this.network.carry(STORE_HOST, process.host, () => {
          this.#answersUnderWay -= 1;
          end(tell);
        });
      };
      this.network.carry(process.host, STORE_HOST, () => {
        if (this.#condition === 'down') return back(() => reject(new StoreUnavailable('connection refused')));
        this.timeline.after(this.#random.whole(...WORK_MS), () => {
          // a server that went away meanwhile did not do it
          if (this.#condition === 'down') return back(() => reject(new StoreUnavailable('connection reset')));
          attempt(work).then(
            (value) => back(() => resolve(value)),
            (error: unknown) => back(() => reject(asError(error))),
          );
        });
      });
    });
  }
}

/** A method may refuse before it returns a promise. */
const attempt = async <T>(work: () => Promise<T>): Promise<T> => work();
const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** The store's own clock: true time, until a fail-over brings another server's. */
class StepClock implements Clock {
  #offset = 0;

  constructor(private readonly timeline: Timeline) {}

  now(): number {
    return this.timeline.now + this.#offset;
  }
  step(ms: number): void {
    this.#offset += ms;
  }
  after(): Timer {
    throw new Error('the store sets no timers');
  }
}
