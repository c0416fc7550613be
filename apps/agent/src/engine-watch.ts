// A Docker Engine may come later than the agent: it is asked for every few seconds until it answers once, and announced then. What it
// does afterwards, its own restarts included, is the docker runtime's business.
import { request } from 'node:http';
import type { Clock, Timer } from '#libs/time';

const LOOK_EVERY_MS = 5_000;
const ANSWER_MS = 2_000;

/** True when an engine answers its ping at this socket. */
export function engineAnswers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: ANSWER_MS, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => resolve(false));
    ping.on('close', () => resolve(false));
    ping.end();
  });
}

export class EngineWatch {
  #timer: Timer | null = null;
  #closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly socketPath: string,
    /** Called once. */
    private readonly found: () => Promise<void>,
  ) {}

  /** Resolves after the first look. */
  async look(): Promise<void> {
    if (await engineAnswers(this.socketPath)) {
      if (!this.#closed) await this.found();
    } else if (!this.#closed) this.#timer = this.clock.after(LOOK_EVERY_MS, () => void this.look());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
