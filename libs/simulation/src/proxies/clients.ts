// The clients of one proxy: small bursts of requests at a seeded rate, most of them short, some of up to 40 s. They know the apps that
// this proxy has told of, and do not care whether it runs, is frozen or dead.
import type { AppId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { Random } from '../engine/random.js';
import type { Timeline } from '../engine/timeline.js';
import type { ClientRequest } from './exchange.js';

/** Together two requests a second in the middle. */
const PAUSE_MS = [600, 3_400] as const;
const BURST = [1, 7] as const;
const SHORT_MS = [2, 400] as const;
const LONG_MS = [1_000, 40_000] as const;
/** Share of requests that take long; half of these send their answer bit by bit. */
const LONG = 0.04;
const STREAMS = 0.5;
/** GET without a body, or the like. */
const REPEATABLE = 0.8;
/** Share of requests that carry what a pin asks for, where there is one. */
const PINNED = 0.25;

interface Known {
  readonly appId: AppId;
  readonly portIndex: number;
  readonly hasPins: boolean;
}

export class Clients {
  #known: readonly Known[] = [];
  #isSending = false;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
    private readonly send: (request: ClientRequest) => void,
  ) {}

  /** From now on, for good. */
  start(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#pause();
  }

  learn(table: RouteTable): void {
    this.#known = table.services.map(({ appId, portIndex, traffic }) => ({
      appId,
      portIndex,
      hasPins: (traffic?.pins?.length ?? 0) > 0,
    }));
  }

  #pause(): void {
    this.timeline.after(this.random.whole(...PAUSE_MS), () => {
      this.#burst();
      this.#pause();
    });
  }

  #burst(): void {
    if (!this.#known.length) return;
    const shortMs = this.random.skewed(...SHORT_MS);
    for (let left = this.random.whole(...BURST); left > 0; left -= 1) this.send(this.#request(shortMs));
  }

  #request(shortMs: number): ClientRequest {
    const isLong = this.random.chance(LONG);
    const { appId, portIndex, hasPins } = this.random.pick(this.#known);
    return {
      appId,
      portIndex,
      since: this.timeline.now,
      forMs: isLong ? this.random.whole(...LONG_MS) : shortMs,
      streams: isLong && this.random.chance(STREAMS),
      repeatable: this.random.chance(REPEATABLE),
      ...(hasPins && this.random.chance(PINNED) ? { isPinned: true } : {}),
    };
  }
}
