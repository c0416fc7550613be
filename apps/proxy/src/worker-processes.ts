// `--workers N`: the primary keeps the ports (port-keeper.ts) and N workers running, nothing else. Each worker is a proxy of its
// own towards the control plane, with its own identity and table on disk: a table counts as confirmed when every registered
// proxy has confirmed it, which is exactly "swapped in every worker", with no second protocol between workers.
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { ProcessSnapshot } from '#libs/proxy-engine';
import type { RouteTable } from '#libs/routing';
import type { Logger } from '#libs/telemetry';
import type { AdminSource } from './admin-server.js';
import { PortKeeper } from './port-keeper.js';
import { isPortRequest, type PortRequest } from './port-messages.js';

/** A worker that dies is started again at once. One that dies soon again would burn a core: this, doubled each time, at most the other. */
const RESTART_MS = 500;
const RESTART_MS_MAX = 30_000;
/** One that lived for so long starts a new row. */
const LIVED_MS = 30_000;
/** Deaths in a row from which on people are told. */
const TOLD_AT = 3;

export interface WorkerReady {
  readonly type: 'ready';
  readonly port: number;
}

/** What the primary asks a worker, and the answer, by the number of the question. */
export interface WorkerQuestion {
  readonly type: 'snapshot' | 'table' | 'reopen-log' | 'notices';
  readonly question: number;
  /** Of `notices`: for the warnings in the worker's reports. */
  readonly notices?: readonly string[];
}
export interface WorkerAnswer {
  readonly type: 'answer';
  readonly question: number;
  readonly answer: unknown;
}

/** The end of a process is often seen before that of its channel, by less than this. */
const CHANNEL_POLL_MS = 5;
/** A worker that is busy for so long is left out. */
const ANSWER_MS = 2_000;

export class WorkerProcesses implements AdminSource {
  readonly #logger: Logger;
  readonly #workers = new Map<number, Worker>();
  readonly #ready = new Set<number>();
  readonly #ports = new PortKeeper();
  /** Deaths in a row, by worker. */
  readonly #deaths = new Map<number, { count: number; notice: string }>();
  readonly #startedAt = new Map<number, number>();
  readonly #asked = new Map<number, (answer: unknown) => void>();
  #notices: readonly string[] = [];
  #question = 0;
  #stopping = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Resolves with the main port when all of them serve. */
  start(count: number): Promise<number> {
    // not what this process was started by: `longrun` has taken its verb out of the arguments
    cluster.setupPrimary({ exec: fileURLToPath(new URL('./main.js', import.meta.url)) });
    return new Promise((resolve, reject) => {
      const onReady = (index: number, port: number): void => {
        this.#ready.add(index);
        if (this.#ready.size === count) resolve(port);
        this.#tell();
      };
      const onExit = (index: number, how: string): void => {
        this.#workers.delete(index);
        if (this.#stopping) return;
        if (!this.#ready.has(index)) {
          // it has said why
          reject(new Error(`worker ${index} could not start (${how})`));
          return;
        }
        const waitMs = this.#countDeath(index, how);
        this.#logger.error({ worker: index, how, waitMs }, 'a worker ended and is started again');
        setTimeout(() => this.#fork(index, onReady, onExit), waitMs);
      };
      for (let index = 1; index <= count; index += 1) this.#fork(index, onReady, onExit);
    });
  }

  async snapshots(): Promise<readonly ProcessSnapshot[]> {
    const asked = [...this.#workers.values()].map((worker) => this.#ask<ProcessSnapshot>(worker, 'snapshot'));
    return (await Promise.all(asked)).filter((each) => each !== undefined);
  }

  /** That of any worker: they have the same. */
  async table(): Promise<RouteTable | null> {
    for (const worker of this.#workers.values()) {
      const table = await this.#ask<RouteTable | null>(worker, 'table');
      if (table) return table;
    }
    return null;
  }

  reopenLog(): void {
    for (const worker of this.#workers.values())
      if (worker.isConnected()) worker.send({ type: 'reopen-log', question: 0 } satisfies WorkerQuestion);
  }

  /** What the primary has to say beside the deaths of workers. */
  setNotices(notices: readonly string[]): void {
    this.#notices = notices;
    this.#tell();
  }

  /** How long to wait before it is started again, ms. */
  #countDeath(index: number, how: string): number {
    const lived = performance.now() - (this.#startedAt.get(index) ?? 0);
    const count = lived < LIVED_MS ? (this.#deaths.get(index)?.count ?? 0) + 1 : 1;
    const waitMs = count === 1 ? 0 : Math.min(RESTART_MS * 2 ** (count - 2), RESTART_MS_MAX);
    const notice =
      count < TOLD_AT
        ? ''
        : `worker ${index} of this proxy has ended ${count} times in a row soon after its start (${how}); ` +
          `the others serve, it is tried again in ${waitMs / 1000} s; its log says why`;
    this.#deaths.set(index, { count, notice });
    if (notice !== '') this.#logger.warn({ worker: index }, notice);
    this.#tell();
    return waitMs;
  }

  /** Only workers report to the control plane; those that live tell of the others. */
  #tell(): void {
    const deaths = [...this.#deaths].flatMap(([index, { notice }]) => {
      const lives = this.#workers.get(index)?.isConnected() === true;
      const isOver = lives && performance.now() - (this.#startedAt.get(index) ?? 0) >= LIVED_MS;
      return notice === '' || isOver ? [] : [notice];
    });
    const notices = [...this.#notices, ...deaths];
    for (const worker of this.#workers.values())
      if (worker.isConnected())
        worker.send({ type: 'notices', question: 0, notices } satisfies WorkerQuestion, () => undefined);
  }

  /** Undefined: it did not answer in time, or ends. */
  #ask<Answer>(worker: Worker, type: WorkerQuestion['type']): Promise<Answer | undefined> {
    if (!worker.isConnected()) return Promise.resolve(undefined);
    const question = (this.#question += 1);
    return new Promise((resolve) => {
      const done = (answer: unknown): void => {
        clearTimeout(timer);
        this.#asked.delete(question);
        resolve(answer as Answer | undefined);
      };
      const timer = setTimeout(() => done(undefined), ANSWER_MS);
      this.#asked.set(question, done);
      worker.send({ type, question } satisfies WorkerQuestion, (error: Error | null) => {
        if (error) done(undefined);
      });
    });
  }

  /** Each worker ends in order by itself. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      [...this.#workers.values()].map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve());
            worker.process.kill('SIGTERM');
          }),
      ),
    );
    // of workers that died before
    this.#ports.stop();
  }

  #fork(
    index: number,
    onReady: (index: number, port: number) => void,
    onExit: (index: number, how: string) => void,
  ): void {
    if (this.#stopping) return;
    const worker = cluster.fork({ LONGRUN_WORKER_INDEX: String(index) });
    this.#workers.set(index, worker);
    this.#startedAt.set(index, performance.now());
    worker.on('message', (message: WorkerReady | WorkerAnswer | PortRequest) => {
      if (isPortRequest(message)) this.#ports.take(worker, message);
      else if (message.type === 'ready') {
        onReady(index, message.port);
        // what was said of its deaths is over once it has lived for a while
        if (this.#deaths.has(index)) setTimeout(() => this.#tell(), LIVED_MS).unref();
      } else this.#asked.get(message.question)?.(message.answer);
    });
    // a process that could not be made, or a channel that broke: its exit follows
    worker.on('error', (error) => this.#logger.error({ worker: index }, error.message));
    worker.once('exit', (code, signal: string | null) => {
      this.#forget(worker);
      onExit(index, signal === null ? `exit status ${code}` : `signal ${signal}`);
    });
  }

  /**
   * When the last that it said has been read. Its `disconnect` is no sign of that: node never emits it for a channel on which a handle
   * was sent whose receipt the other end did not confirm, and such a one is what this is about.
   */
  #forget(worker: Worker): void {
    if (worker.isConnected()) setTimeout(() => this.#forget(worker), CHANNEL_POLL_MS);
    // messages are handed out a tick after they were read
    else setImmediate(() => this.#ports.gone(worker));
  }
}
