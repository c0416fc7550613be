// `--workers N`: the primary holds the listeners (node:cluster) and keeps N workers running, nothing else. Each worker is a proxy of
// its own towards the control plane, with its own identity and table on disk: a table counts as confirmed when every registered
// proxy has confirmed it, which is exactly "swapped in every worker", with no second protocol between workers.
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from '#libs/telemetry';

/** A worker that dies at once would otherwise burn a core. */
const RESTART_MS = 500;

export interface WorkerReady {
  readonly type: 'ready';
  readonly port: number;
}

export class WorkerProcesses {
  readonly #logger: Logger;
  readonly #workers = new Map<number, Worker>();
  readonly #ready = new Set<number>();
  #stopping = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Resolves with the main port when all of them serve. */
  start(count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const onReady = (index: number, port: number): void => {
        this.#ready.add(index);
        if (this.#ready.size === count) resolve(port);
      };
      const onExit = (index: number, code: number): void => {
        this.#workers.delete(index);
        if (this.#stopping) return;
        if (!this.#ready.has(index)) {
          // it has said why
          reject(new Error(`worker ${index} could not start (exit status ${code})`));
          return;
        }
        this.#logger.error({ worker: index, code }, 'a worker ended and is started again');
        setTimeout(() => this.#fork(index, onReady, onExit), RESTART_MS);
      };
      for (let index = 1; index <= count; index += 1) this.#fork(index, onReady, onExit);
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
  }

  #fork(
    index: number,
    onReady: (index: number, port: number) => void,
    onExit: (index: number, code: number) => void,
  ): void {
    if (this.#stopping) return;
    const worker = cluster.fork({ LONGRUN_WORKER_INDEX: String(index) });
    this.#workers.set(index, worker);
    worker.on('message', (message: WorkerReady) => {
      if (message.type === 'ready') onReady(index, message.port);
    });
    worker.once('exit', (code) => onExit(index, code));
  }
}
