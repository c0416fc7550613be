// Task logs over the session: each request is a loop that reads a piece, sends it, and waits when it has reached the end or the
// connection is slow. At most 32 at once; one more is refused in words. All of them end with the session.
import type { LogChunk, LogRequest } from '#libs/agent-protocol';
import type { Runtime } from '#libs/runtime';
import type { Clock } from '#libs/time';
import { pause, wordsOf } from './pause.js';

export const LOG_STREAMS_MAX = 32;
const CHUNK_BYTES = 64 * 1024;
const FOLLOW_MS = 250;
/** More than this waiting in the connection: statuses and heartbeats must not queue behind logs. */
const BUFFERED_BYTES_MAX = 1024 * 1024;

export interface LogOutlet {
  send(chunk: LogChunk): void;
  bufferedBytes(): number;
}
/** Where a task's log is; `ended`: its log grows no more. Null: nobody knows this task. */
export type FindLog = (request: LogRequest) => {
  readonly runtimes: readonly Runtime[];
  readonly ended: () => boolean;
};

export class LogStreams {
  readonly #clock: Clock;
  readonly #find: FindLog;
  readonly #streams = new Map<string, AbortController>();

  constructor(clock: Clock, find: FindLog) {
    this.#clock = clock;
    this.#find = find;
  }

  open(request: LogRequest, outlet: LogOutlet): void {
    const { request: id } = request;
    const refuse = (error: string): void =>
      outlet.send({ type: 'log-chunk', request: id, text: '', end: true, error });
    if (this.#streams.has(id)) return refuse(`log request ${id} is already open`);
    if (this.#streams.size >= LOG_STREAMS_MAX)
      return refuse(`this agent already sends ${LOG_STREAMS_MAX} logs; close one first`);
    const aborter = new AbortController();
    this.#streams.set(id, aborter);
    void this.#run(request, outlet, aborter.signal)
      .catch((error: unknown) => {
        if (!aborter.signal.aborted) refuse(wordsOf(error));
      })
      .finally(() => {
        if (this.#streams.get(id) === aborter) this.#streams.delete(id);
      });
  }

  cancel(id: string): void {
    this.#streams.get(id)?.abort();
    this.#streams.delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#streams.keys()]) this.cancel(id);
  }

  async #run(request: LogRequest, outlet: LogOutlet, signal: AbortSignal): Promise<void> {
    const { runtimes, ended } = this.#find(request);
    let { from } = request;
    while (!signal.aborted) {
      // asked before reading: what was written before the end is still read
      const over = ended() || !request.follow;
      const { text, next } = await readFirst(runtimes, request, from);
      if (signal.aborted) return;
      const atEnd = text === '' || next === from;
      if (text !== '' || (atEnd && over))
        outlet.send({ type: 'log-chunk', request: request.request, text, end: atEnd && over });
      if (atEnd && over) return;
      from = next;
      while (!signal.aborted && outlet.bufferedBytes() > BUFFERED_BYTES_MAX)
        await pause(this.#clock, FOLLOW_MS, signal);
      if (atEnd) await pause(this.#clock, FOLLOW_MS, signal);
    }
  }
}

/** The first runtime that knows the task answers. */
async function readFirst(
  runtimes: readonly Runtime[],
  { taskId, stream }: LogRequest,
  from: number,
): Promise<{ text: string; next: number }> {
  let reason: unknown = new Error(`no log of task ${taskId} on this agent`);
  for (const runtime of runtimes) {
    try {
      return await runtime.readLog(taskId, stream, from, CHUNK_BYTES);
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}
