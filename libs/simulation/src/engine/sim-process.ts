// One operating-system process of the simulated cluster, and the clock it sees. When it is killed nothing of it happens any more,
// whatever it had begun; while it is frozen (SIGSTOP) everything waits and happens late, in order. Its clock starts somewhere else
// than true time and runs a little faster or slower; it never jumps, as the real one (libs/time) never does.
import type { Clock, Ids, Timer } from '#libs/time';
import { randomUuids, type Random } from './random.js';
import type { Timeline } from './timeline.js';

export interface ClockError {
  /** Added to true time at the start, ms. */
  readonly offsetMs: number;
  /** 1 = exact; 1.001 runs a thousandth fast. */
  readonly rate: number;
}

/** After `kill-9` the kernel resets its connections; after `power-off` nobody is told. */
export type Death = 'kill-9' | 'power-off';

export const EXACT: ClockError = { offsetMs: 0, rate: 1 };

export class SimProcess {
  readonly clock: Clock;
  readonly ids: Ids;
  #isAlive = true;
  #isFrozen = false;
  #held: (() => void)[] = [];
  readonly #killed: ((how: Death) => void)[] = [];

  /** `name`: unique, also among the earlier lives of the same program, e.g. `agent-2#3`. */
  constructor(
    readonly timeline: Timeline,
    /** Where it runs: partitions cut hosts from each other, not processes. */
    readonly host: string,
    readonly name: string,
    random: Random,
    error: ClockError = EXACT,
  ) {
    this.clock = new ProcessClock(this, timeline, error);
    this.ids = randomUuids(random.fork(`ids ${name}`));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }
  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Everything that happens in this process goes through here. */
  do(work: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isFrozen) this.#held.push(work);
    else work();
  }

  /** Nothing of it happens any more. Listeners of `onKilled` are told in order. */
  kill(how: Death = 'kill-9'): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#held = [];
    for (const tell of this.#killed) tell(how);
  }
  onKilled(tell: (how: Death) => void): void {
    if (this.#isAlive) this.#killed.push(tell);
    else tell('kill-9');
  }

  freeze(): void {
    this.#isFrozen = true;
  }
  /** What was held happens now, each as a thing of its own. */
  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    const held = this.#held;
    this.#held = [];
    for (const work of held) this.timeline.after(0, () => this.do(work));
  }
}

class ProcessClock implements Clock {
  readonly #start: number;

  constructor(
    private readonly process: SimProcess,
    private readonly timeline: Timeline,
    private readonly error: ClockError,
  ) {
    this.#start = timeline.now;
  }

  now(): number {
    const { offsetMs, rate } = this.error;
    return Math.floor(this.#start + offsetMs + (this.timeline.now - this.#start) * rate);
  }

  after(delayMs: number, callback: () => void): Timer {
    let isCancelled = false;
    const trueDelay = Math.ceil(Math.max(0, delayMs) / this.error.rate);
    const scheduled = this.timeline.after(trueDelay, () =>
      this.process.do(() => {
        if (!isCancelled) callback();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        scheduled.cancel();
      },
    };
  }
}
