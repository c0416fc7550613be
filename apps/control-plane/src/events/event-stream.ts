// One client's stream. The store is its queue: a client that does not read costs its cursor, at most one slice of a frame in the
// socket's buffer, and the few events that are not stored. Once it reads again it goes on exactly where it stopped, inside a frame too.
import type { ServerResponse } from 'node:http';
import { MARATHON_EVENT_TYPES } from '#libs/events';
import type { Clock } from '#libs/time';
import type { EventFrame } from './event-frame.js';

/** Events that may wait for a client that takes none (events.md 1). */
const BEHIND_MAX = 1024;
/** A client that has taken nothing for this long does not read; until then a large commit is no reason to close. */
const STUCK_MS = 1_000;
/** Longer than this no client is waited for, however little happens. */
const STALLED_MS = 300_000;
/** A frame is handed to the socket in parts of this many bytes, so that no more than one waits there. */
const SLICE_BYTES = 128 * 1024;

const MARATHON_TYPES: ReadonlySet<string> = new Set(MARATHON_EVENT_TYPES);
const COMMENT = Buffer.from(':\n\n');

export interface StreamOptions {
  readonly remoteAddress: string;
  /** Exact names; empty: all. */
  readonly types: readonly string[];
  readonly lightPlans: boolean;
  /** `/v3/events` has Longrun's own types too. */
  readonly allTypes: boolean;
  /** Number of the newest event that the client has; absent: it wants what comes from now on. */
  readonly after?: number;
}

/** Where a stream gets its events from. */
export interface FrameSource {
  /** Number of the newest published event. */
  readonly newest: number;
  cached(number: number): EventFrame | undefined;
  /** Reads what follows the stream's cursor and offers it. */
  fetch(stream: EventStream): void;
}

export class EventStream {
  /** Unstored events that wait. */
  readonly #unstored: Buffer[] = [];
  /** Events up to here were there when it came; they are no backlog of this stream. */
  readonly #floor: number;
  #cursor: number;
  /** Bytes of the frame after the cursor that the socket has. */
  #offset = 0;
  /** Events published meanwhile that it wants and has not got. */
  #behind = 0;
  #blockedSince: number | null = null;
  #ended = false;

  constructor(
    private readonly response: ServerResponse,
    readonly options: StreamOptions,
    private readonly source: FrameSource,
    private readonly clock: Clock,
  ) {
    this.#cursor = options.after ?? source.newest;
    this.#floor = Math.max(this.#cursor, source.newest);
    response.on('drain', () => {
      this.#blockedSince = null;
      this.pump();
    });
  }

  /** Number of the newest event that it is done with. */
  get cursor(): number {
    return this.#cursor;
  }
  get isReady(): boolean {
    return this.#blockedSince === null && !this.#ended;
  }
  /** Bytes that this process keeps for it. */
  get heldBytes(): number {
    return this.response.writableLength + this.#unstored.reduce((sum, { length }) => sum + length, 0);
  }

  /** Just published, in order; those it cannot take now are in the store. */
  publish(frames: readonly EventFrame[]): void {
    this.#behind += frames.filter(({ number, type }) => number > this.#cursor && this.#wants(type)).length;
    for (const frame of frames) this.offer(frame);
    this.pump();
    this.#endIfStuck();
  }

  /** An event that is not stored. */
  tell(frame: EventFrame): void {
    if (!this.#wants(frame.type)) return;
    this.#unstored.push(frame.full);
    this.pump();
    this.#endIfStuck();
  }

  /** Takes the frame if it is the next one and the client reads. */
  offer(frame: EventFrame): void {
    if (frame.number !== this.#cursor + 1 || !this.isReady) return;
    if (this.#wants(frame.type)) {
      if (!this.#sendRest(this.options.lightPlans ? frame.light : frame.full)) return;
      if (frame.number > this.#floor && this.#behind > 0) this.#behind -= 1;
    }
    this.#cursor = frame.number;
    this.#offset = 0;
  }

  /** Sends what can be sent now. */
  pump(): void {
    while (this.isReady) {
      const unstored = this.#offset === 0 ? this.#unstored.shift() : undefined;
      if (unstored) {
        this.#write(unstored);
        continue;
      }
      if (this.#cursor >= this.source.newest) {
        this.#behind = 0;
        return;
      }
      const frame = this.source.cached(this.#cursor + 1);
      if (!frame) {
        this.source.fetch(this);
        return;
      }
      this.offer(frame);
    }
  }

  /** A sign of life, if the client reads; the end of one that has not read for long. */
  beat(): void {
    if (this.#blockedSince !== null && this.clock.now() - this.#blockedSince >= STALLED_MS) this.abort();
    this.#endIfStuck();
    if (this.isReady && this.#offset === 0) this.#write(COMMENT);
  }

  /** In order where possible: half a frame, or one that nobody takes, is cut off. */
  end(): void {
    if (!this.isReady || this.#offset > 0) return this.abort();
    this.#ended = true;
    this.response.end();
  }

  abort(): void {
    this.#ended = true;
    this.#unstored.length = 0;
    this.response.destroy();
  }

  #wants(type: string): boolean {
    const { types, allTypes } = this.options;
    return (allTypes || MARATHON_TYPES.has(type)) && (!types.length || types.includes(type));
  }

  /** True: all of it is with the socket. */
  #sendRest(bytes: Buffer): boolean {
    if (this.#offset === 0 && bytes.length <= SLICE_BYTES) {
      this.#write(bytes);
      return true;
    }
    while (this.isReady && this.#offset < bytes.length) {
      // a copy, for a slice would keep the whole frame in memory
      const slice = Buffer.from(bytes.subarray(this.#offset, this.#offset + SLICE_BYTES));
      this.#offset += slice.length;
      this.#write(slice);
    }
    return this.#offset >= bytes.length;
  }

  #write(bytes: Buffer): void {
    if (!this.response.write(bytes)) this.#blockedSince = this.clock.now();
  }

  #endIfStuck(): void {
    const waiting = this.#behind + this.#unstored.length;
    if (this.#ended || this.#blockedSince === null || waiting <= BEHIND_MAX) return;
    const tooMany = this.#unstored.length > BEHIND_MAX;
    if (tooMany || this.clock.now() - this.#blockedSince >= STUCK_MS) this.abort();
  }
}
