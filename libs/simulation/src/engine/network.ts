// The network between processes: connections that keep their order, and requests that may be delayed, doubled or overtake each other.
// A partition holds back what is sent; it arrives late when the partition ends while both ends still wait, as with TCP. A process that
// dies closes its connections; a host that loses power tells nobody.
import type { Random } from './random.js';
import type { Death, SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** One end of a connection. */
export interface Endpoint {
  readonly isOpen: boolean;
  /** Bytes that the other side has not taken. */
  unsentBytes(): number;
  send(text: string): void;
  /** The other end learns it once everything before was delivered. Idempotent; our own `closed` is called, too, in the same turn. */
  close(reason: string): void;
  /** What arrives is kept until `resume`. */
  pause(): void;
  resume(): void;
}
export interface EndpointEvents {
  message(text: string): void;
  /** Once, whoever closed it. */
  closed(reason: string): void;
}

/** Takes a connection: returns what is to be told. `path` is what the dialler asked for. */
export type Accept = (endpoint: Endpoint, path: string) => EndpointEvents;
/** Answers a request; a rejection is an answer of status 500. */
export type Answer = (path: string, body: string) => Promise<string>;

export interface Service {
  readonly process: SimProcess;
  readonly accept: Accept;
  readonly answer: Answer;
}

export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';
}

/** Delay of one message, ms. */
interface Weather {
  /** Added to each message. */
  readonly extraMs: number;
  /** 0..1 of requests that arrive twice. */
  readonly doubled: number;
  /** Requests are spread over so many ms, so that a later one may overtake. */
  readonly spreadMs: number;
}
const FAIR: Weather = { extraMs: 0, doubled: 0, spreadMs: 0 };

/** A dial that gets no answer is given up by the system. */
const DIAL_TIMEOUT_MS = 30_000;

export class SimNetwork {
  readonly #services = new Map<string, Service>();
  readonly #cuts = new Map<string, number>();
  readonly #weather = new Map<string, Weather>();
  readonly #waiting = new Set<() => void>();
  readonly #asked = new Map<SimProcess, Set<() => void>>();
  readonly #random: Random;

  constructor(
    private readonly timeline: Timeline,
    random: Random,
  ) {
    this.#random = random.fork('network');
  }

  /** `address`: `host:port`. Ends with the process; the same address may be taken by a later one. */
  listen(address: string, service: Service): void {
    this.#services.set(address, service);
    service.process.onKilled(() => {
      if (this.#services.get(address) === service) this.#services.delete(address);
    });
  }

  /** Nothing gets from one host to the other any more; nested cuts of the same pair need as many mends. */
  cut(from: string, to: string): void {
    const key = `${from} ${to}`;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
  }
  mend(from: string, to: string): void {
    const key = `${from} ${to}`;
    const left = (this.#cuts.get(key) ?? 0) - 1;
    if (left > 0) this.#cuts.set(key, left);
    else this.#cuts.delete(key);
    this.#release();
  }
  mendAll(): void {
    this.#cuts.clear();
    this.#weather.clear();
    this.#release();
  }
  setWeather(from: string, to: string, weather: Partial<Weather> | null): void {
    const key = `${from} ${to}`;
    if (weather) this.#weather.set(key, { ...FAIR, ...weather });
    else this.#weather.delete(key);
  }
  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && from !== to && this.#cuts.has(`${from} ${to}`);
  }

  /** Rejects when nobody listens there, when the signal aborts, or after 30 s without an answer. */
  connect(
    process: SimProcess,
    address: string,
    path: string,
    events: EndpointEvents,
    signal?: AbortSignal,
  ): Promise<Endpoint> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (): void => {
        isOver = true;
        timer.cancel();
        signal?.removeEventListener('abort', giveUp);
      };
      const fail = (reason: string): void => {
        if (isOver) return;
        end();
        process.do(() => reject(new RequestFailed(reason)));
      };
      const giveUp = (): void => fail('given up');
      const timer = this.timeline.after(DIAL_TIMEOUT_MS, () => fail(`no answer from ${address}`));
      signal?.addEventListener('abort', giveUp);
      const host = hostOf(address);
      this.#carry(process.host, host, 0, () => {
        if (isOver) return;
        const service = this.#services.get(address);
        if (!service)
          return this.#carry(host, process.host, 0, () => fail(`${address} refused the connection`));
        const pipe = new Pipe(this.timeline, (from, to, deliver) => this.#carry(from, to, 0, deliver));
        const [near, far] = pipe.ends(process, service.process);
        service.process.do(() => {
          far.listen(service.accept(far, path));
          this.#carry(host, process.host, 0, () => {
            if (isOver) return far.close('the other side gave up');
            end();
            process.do(() => {
              near.listen(events);
              resolve(near);
            });
          });
        });
      });
    });
  }

  /** One request and its answer. Rejects with RequestFailed when refused, when the other side dies, or after `timeoutMs`. */
  request(
    process: SimProcess,
    address: string,
    path: string,
    body: string,
    timeoutMs: number,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (work: () => void): void => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        process.do(work);
      };
      const fail = (reason: string): void => end(() => reject(new RequestFailed(reason)));
      const timer = process.clock.after(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
      const host = hostOf(address);
      const { doubled } = this.#weatherOf(process.host, host);
      const copies = doubled > 0 && this.#random.chance(doubled) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        this.#carry(process.host, host, this.#spread(process.host, host), () => {
          const service = this.#services.get(address);
          if (!service) return this.#carry(host, process.host, 0, () => fail(`${address} refused`));
          const reset = (): void => this.#carry(host, process.host, 0, () => fail('connection reset'));
          const asked = this.#askedOf(service.process);
          asked.add(reset);
          service.process.do(() => {
            service.answer(path, body).then(
              (text) => {
                asked.delete(reset);
                this.#carry(host, process.host, 0, () => end(() => resolve(text)));
              },
              (error: unknown) => {
                asked.delete(reset);
                this.#carry(host, process.host, 0, () => fail(String(error)));
              },
            );
          });
        });
      }
    });
  }

  /** One message of no connection: calls back once it has got there; it waits while the way is cut. */
  carry(from: string, to: string, deliver: () => void): void {
    this.#carry(from, to, 0, deliver);
  }

  #carry(from: string, to: string, extraMs: number, deliver: () => void): void {
    if (this.isCut(from, to)) {
      this.#waiting.add(() => this.#carry(from, to, extraMs, deliver));
      return;
    }
    const delay = from === to ? 0 : this.#random.skewed(0, 4) + this.#weatherOf(from, to).extraMs;
    this.timeline.after(delay + extraMs, () => {
      // cut while it was on its way
      if (this.isCut(from, to)) this.#waiting.add(() => this.#carry(from, to, 0, deliver));
      else deliver();
    });
  }

  /** Requests that this process has not answered; they are reset when it is killed. */
  #askedOf(process: SimProcess): Set<() => void> {
    const known = this.#asked.get(process);
    if (known) return known;
    const asked = new Set<() => void>();
    this.#asked.set(process, asked);
    process.onKilled((how) => {
      this.#asked.delete(process);
      if (how === 'kill-9') for (const reset of asked) reset();
    });
    return asked;
  }

  #release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const again of waiting) again();
  }

  #weatherOf(from: string, to: string): Weather {
    return this.#weather.size > 0 ? (this.#weather.get(`${from} ${to}`) ?? FAIR) : FAIR;
  }
  #spread(from: string, to: string): number {
    const { spreadMs } = this.#weatherOf(from, to);
    return spreadMs > 0 ? this.#random.whole(0, spreadMs) : 0;
  }
}

export const hostOf = (address: string): string => address.split(':')[0] ?? address;

type Carry = (from: string, to: string, deliver: () => void) => void;

/** A connection in both directions; each keeps its order. */
class Pipe {
  constructor(
    readonly timeline: Timeline,
    readonly carry: Carry,
  ) {}

  ends(near: SimProcess, far: SimProcess): [PipeEnd, PipeEnd] {
    const [a, b] = [new PipeEnd(this, near), new PipeEnd(this, far)];
    a.join(b);
    b.join(a);
    return [a, b];
  }
}

class PipeEnd implements Endpoint {
  #other: PipeEnd | null = null;
  #events: EndpointEvents | null = null;
  #isOpen = true;
  #isPaused = false;
  /** Sent by us and not taken by the other side, in order. */
  readonly #queue: ({ readonly text: string } | { readonly reason: string })[] = [];
  #unsent = 0;
  #isCarrying = false;
  #inbox: (() => void)[] = [];

  constructor(
    private readonly pipe: Pipe,
    readonly process: SimProcess,
  ) {
    process.onKilled((how) => this.#die(how));
  }

  join(other: PipeEnd): void {
    this.#other = other;
  }
  listen(events: EndpointEvents): void {
    this.#events = events;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const each of inbox) each();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }
  unsentBytes(): number {
    return this.#unsent;
  }

  send(text: string): void {
    if (!this.#isOpen) return;
    this.#unsent += text.length;
    this.#queue.push({ text });
    this.#carryNext();
  }

  close(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#queue.push({ reason });
    this.#carryNext();
    this.#tellClosed(reason);
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const each of inbox) each();
  }

  /** The kernel of a killed process resets its connections; what it had sent before may still arrive. */
  #die(how: Death): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#events = null;
    if (how === 'power-off') return;
    this.#queue.push({ reason: 'connection reset' });
    this.#carryNext();
  }

  /** One at a time, so that nothing overtakes. */
  #carryNext(): void {
    const other = this.#other;
    if (this.#isCarrying || !other || !this.#queue.length) return;
    this.#isCarrying = true;
    this.pipe.carry(this.process.host, other.process.host, () => {
      this.#isCarrying = false;
      // all that was waiting arrives together, as bytes do
      for (let item = this.#queue.shift(); item; item = this.#queue.shift()) {
        if ('text' in item) this.#unsent -= item.text.length;
        other.#arrive(item);
      }
    });
  }

  #arrive(item: { readonly text: string } | { readonly reason: string }): void {
    this.process.do(() => {
      const take = (): void => {
        if ('reason' in item) {
          if (!this.#isOpen) return;
          this.#isOpen = false;
          this.#tellClosed(item.reason);
        } else if (this.#isOpen) this.#events?.message(item.text);
      };
      if (this.#isPaused || !this.#events) this.#inbox.push(take);
      else take();
    });
  }

  #tellClosed(reason: string): void {
    const events = this.#events;
    this.#events = null;
    events?.closed(reason);
  }
}
