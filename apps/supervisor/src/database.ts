// The database of `longrun up`: the embedded Postgres, kept running, or one of your own that is only migrated.
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigurationError } from '#libs/configuration';
import { EmbeddedPostgres } from '#libs/embedded-postgres';
import { migrate } from '#libs/persistence';
import type { Logger } from '#libs/telemetry';

const WATCH_MS = 200;
const RESTART_DELAY_MAX_MS = 5_000;

export class Database {
  #embedded: EmbeddedPostgres | null = null;
  #closing = false;
  #watching: Promise<void> | null = null;

  constructor(
    private readonly ownUrl: string | undefined,
    private readonly dataDir: string,
    private readonly logger: Logger,
    private readonly say: (line: string) => void,
  ) {}

  get url(): string {
    const url = this.ownUrl ?? this.#embedded?.url;
    if (url === undefined) throw new Error('the database is not open');
    return url;
  }
  /** Of the embedded one; null for yours. */
  get pid(): number | null {
    return this.#embedded?.pid ?? null;
  }

  /** Starts the embedded one, or takes over the one that runs on this folder. */
  async open(): Promise<void> {
    if (this.ownUrl === undefined)
      this.#embedded = await EmbeddedPostgres.open({ dataDir: this.dataDir, logger: this.logger });
  }

  /** Throws ConfigurationError when it is yours and cannot be used. */
  async migrate(): Promise<void> {
    try {
      await migrate({ url: this.url, logger: this.logger });
    } catch (error) {
      if (this.ownUrl === undefined || !(error instanceof Error)) throw error;
      throw new ConfigurationError(
        `the Postgres that DATABASE_URL or --database-url names (${placeOf(this.ownUrl)}) cannot be used: ${error.message}`,
      );
    }
  }

  /** From now on a Postgres that dies is started again, with a growing delay. */
  keepRunning(): void {
    if (this.#embedded && !this.#watching) this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#watching;
    await this.#embedded?.stop();
  }

  async #watch(): Promise<void> {
    let delayMs = 0;
    while (!this.#closing) {
      if (this.#embedded?.isAlive()) {
        delayMs = 0;
        await pause(WATCH_MS);
        continue;
      }
      this.say('PostgreSQL ended; it is started again');
      this.logger.warn({ delayMs }, 'PostgreSQL ended; it is started again');
      await pause(delayMs);
      if (this.#closing) return;
      delayMs = Math.min(delayMs * 2 + WATCH_MS, RESTART_DELAY_MAX_MS);
      try {
        await this.open();
      } catch (error) {
        this.logger.error(
          { error: error instanceof Error ? error.message : String(error) },
          'PostgreSQL could not be started',
        );
      }
    }
  }
}

/** Host and database, never user and password. */
function placeOf(url: string): string {
  try {
    const { host, pathname, searchParams } = new URL(url);
    return `${host || searchParams.get('host') || 'localhost'}${pathname}`;
  } catch {
    return 'which is not a URL like postgres://user:password@host/database';
  }
}
