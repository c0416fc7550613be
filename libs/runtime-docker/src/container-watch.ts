// Tells waiters when to look at their container again: after a `die` or `destroy` event of the Engine, and after a list
// shows that it does not run (on every reconnect and every half minute, should an event be lost).
// It never says what happened: the waiter inspects. While the Engine is away nobody is woken, so an outage is never an exit.
// After a standstill of this process events of that time wait unread, so what is known is old until a list was looked at.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Logger } from '#libs/telemetry';
import { Standstill, type Clock } from '#libs/time';
import { identityOf, LABEL, ownershipFilter, type Ownership } from './container-labels.js';
import type { EngineClient } from './engine-client.js';
import { wordsOf } from './engine-errors.js';

/** Events are the rule, lists the net below: 20 ms of the Engine's time with 200 containers. */
const SWEEP_MS = 30_000;
const RECONNECT_MS = { first: 100, most: 2_000 } as const;
/** A shorter standstill is as if a task had ended that much later. */
const STANDSTILL = { tickMs: 1_000, lateMs: 500 } as const;

export class ContainerWatch {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #ended = new AbortController();
  /** What must stop when this is closed: waits of others, our own timers. */
  readonly #closers = new Set<() => void>();
  readonly #standstill: Standstill;
  #running = false;
  /** How often it stood still, and how often that was made good by a list. */
  #standstills = 0;
  #madeGood = 0;
  /** Of the last event, by the Engine's clock; the Engine repeats what came later. */
  #since: string;

  constructor(
    private readonly client: Pick<EngineClient, 'events' | 'list'>,
    private readonly owner: () => Ownership,
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'debug'>,
  ) {
    this.#standstill = new Standstill(clock, STANDSTILL, () => (this.#standstills += 1));
    this.#since = (Date.now() / 1000 - 5).toFixed(9);
  }

  /** Resolves at the next reason to look at this task's container; rejects when aborted or closed. Ask before looking. */
  next(taskId: string, signal: AbortSignal): Promise<void> {
    if (!this.#running && !this.#ended.signal.aborted) {
      this.#running = true;
      this.#standstill.watch();
      void this.#follow();
      void this.#sweepForever();
    }
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(taskId) ?? new Set();
      this.#waiting.set(taskId, waiters);
      const leave = (): void => {
        waiters.delete(wake);
        if (waiters.size === 0 && this.#waiting.get(taskId) === waiters) this.#waiting.delete(taskId);
        signal.removeEventListener('abort', abort);
        this.#closers.delete(abort);
      };
      const wake = (): void => (leave(), resolve());
      const abort = (): void => (leave(), reject(new Error(`no longer waiting for task ${taskId}`)));
      waiters.add(wake);
      this.#closers.add(abort);
      signal.addEventListener('abort', abort);
      if (signal.aborted || this.#ended.signal.aborted) abort();
    });
  }

  /** After a standstill: whoever waits for a container that does not run any more has been woken. False: there was none. */
  async catchUp(): Promise<boolean> {
    this.#standstill.check();
    if (this.#madeGood === this.#standstills) return false;
    await this.#sweep();
    return true;
  }

  /** For a container that this process ended itself. */
  wake(taskId: string): void {
    for (const wake of [...(this.#waiting.get(taskId) ?? [])]) wake();
  }

  close(): void {
    this.#ended.abort();
    this.#standstill.end();
    for (const close of [...this.#closers]) close();
  }

  async #follow(): Promise<void> {
    let delayMs: number = RECONNECT_MS.first;
    while (!this.#ended.signal.aborted) {
      try {
        const stream = await this.client.events(this.#since, this.#labels(), this.#ended.signal);
        delayMs = RECONNECT_MS.first;
        await Promise.all([this.#read(stream), this.#sweep()]);
      } catch (error) {
        if (!this.#ended.signal.aborted) {
          this.logger.debug({ error: wordsOf(error) }, 'the events of the Docker Engine broke off');
        }
      }
      await this.#pause(delayMs);
      delayMs = Math.min(delayMs * 2, RECONNECT_MS.most);
    }
  }

  async #read(stream: Readable): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      const event = parsed(line);
      if (!event) continue;
      if (event.timeNano) this.#since = nanosAsSeconds(event.timeNano);
      const task = event.Actor?.Attributes?.[LABEL.task];
      if (task) this.wake(task);
    }
  }

  /** Wakes everybody whose container is not among the running ones. */
  async #sweep(): Promise<void> {
    const standstills = this.#standstills;
    const running = await this.client.list(this.#labels(), ['running', 'paused', 'restarting']);
    const alive = new Set(running.map((each) => identityOf(each.Labels)?.taskId as string | undefined));
    for (const taskId of [...this.#waiting.keys()]) if (!alive.has(taskId)) this.wake(taskId);
    this.#madeGood = standstills;
  }

  async #sweepForever(): Promise<void> {
    for (;;) {
      await this.#pause(SWEEP_MS);
      if (this.#ended.signal.aborted) return;
      if (this.#waiting.size === 0) continue;
      await this.#sweep().catch((error: unknown) =>
        this.logger.debug({ error: wordsOf(error) }, 'the Docker Engine did not list its containers'),
      );
    }
  }

  #labels(): string[] {
    return ownershipFilter({ ...this.owner(), clusterId: null });
  }

  #pause(ms: number): Promise<void> {
    if (this.#ended.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#closers.delete(wake);
        resolve();
      };
      const timer = this.clock.after(ms, wake);
      this.#closers.add(wake);
    });
  }
}

interface EngineEvent {
  readonly timeNano?: number;
  readonly Actor?: { readonly Attributes?: Readonly<Record<string, string>> };
}

function parsed(line: string): EngineEvent | null {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return null; // cut off by the end of the connection; the next one repeats it
  }
}

/** timeNano is beyond what a double holds exactly; a microsecond too early only repeats an event. */
const nanosAsSeconds = (nanos: number): string => ((nanos - 1_000) / 1e9).toFixed(9);
