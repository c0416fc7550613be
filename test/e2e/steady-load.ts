// A steady stream of requests (open loop: it does not slow down when answers do), half on kept connections, half on fresh ones,
// that remembers every request that failed, so that a test can say "none" or "only those in flight".
import { Agent, request } from 'node:http';

export interface Failure {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly why: string;
}

export class SteadyLoad {
  readonly failures: Failure[] = [];
  sent = 0;
  answered = 0;
  readonly seen = new Map<string, number>();
  #timer: NodeJS.Timeout;
  #pending = new Set<Promise<void>>();
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(
    readonly urls: readonly string[],
    perSecond = 100,
  ) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      while (this.sent < due) this.#send();
    }, 5);
  }

  /** No more requests; resolves when all have been answered or failed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.#kept.destroy();
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  #send(): void {
    this.sent += 1;
    const url = this.urls[this.sent % this.urls.length] ?? '';
    const keep = this.sent % 4 < 2;
    const startedAt = performance.now();
    const pending = new Promise<void>((resolve) => {
      const fail = (why: string): void => {
        this.failures.push({ startedAt, endedAt: performance.now(), why: `${url}: ${why}` });
        resolve();
      };
      const outgoing = request(url, { agent: keep ? this.#kept : false, timeout: 20_000 }, (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
        incoming.on('error', (error) => fail(`answer broke off: ${error.message}`));
        incoming.on('end', () => {
          if (incoming.statusCode !== 200)
            return fail(`status ${incoming.statusCode}: ${text.slice(0, 300)}`);
          this.answered += 1;
          this.seen.set(text, (this.seen.get(text) ?? 0) + 1);
          resolve();
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 20 s')));
      outgoing.on('error', (error) => fail(error.message));
      outgoing.end();
    });
    this.#pending.add(pending);
    void pending.finally(() => this.#pending.delete(pending));
  }
}
