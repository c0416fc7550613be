// How a worker asks the runtimes about its tasks, with the patience that they need: a stop is tried until it is done, an exit is waited
// for until it comes, whatever happens to an engine meanwhile.
import type { TaskExit } from '#libs/model';
import { RuntimeError, type Runtime } from '#libs/runtime';
import type { Clock } from '#libs/time';
import { pause, wordsOf } from './pause.js';
import type { AgentLog, Runtimes } from './seams.js';
import { vanished, type TaskRecord } from './task-record.js';

/** A call that the engine failed is tried again after this, doubling up to the maximum. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 10_000;

export type TaskHandle = Pick<TaskRecord, 'taskId' | 'runtime'>;

export class TaskCalls {
  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly log: AgentLog;
      readonly runtimes: Runtimes;
    },
  ) {}

  /** Throws RuntimeError `runtime-missing`. */
  runtimeOf({ runtime: kind }: Pick<TaskHandle, 'runtime'>): Runtime {
    const runtime = this.parts.runtimes.of(kind);
    if (runtime) return runtime;
    const what =
      kind === 'docker' ? 'no Docker Engine answers on this agent' : 'this agent runs no processes';
    throw new RuntimeError('rejected', 'runtime-missing', what);
  }

  /** Null when aborted; otherwise the exit, once nothing of the task is left. */
  stop(task: TaskHandle, graceMs: number, signal: AbortSignal): Promise<TaskExit | null> {
    const ask = async (runtime: Runtime): Promise<TaskExit> => {
      await runtime.stop(task.taskId, graceMs);
      return runtime.waitForExit(task.taskId, signal);
    };
    return this.#untilAnswered(task, signal, 'a stop failed; it is tried again', ask, vanished);
  }

  /** After a start whose outcome nobody knows: resolves once nothing of the task runs, or when aborted (false). */
  async makeSure(task: TaskHandle, graceMs: number, signal: AbortSignal): Promise<boolean> {
    const trouble = 'a start failed and may have happened all the same; asking again';
    const ask = async (runtime: Runtime): Promise<true> => {
      await runtime.stop(task.taskId, graceMs);
      return true;
    };
    return (await this.#untilAnswered(task, signal, trouble, ask, true)) ?? false;
  }

  /** Null when aborted. */
  exitOf(task: TaskHandle, signal: AbortSignal): Promise<TaskExit | null> {
    const ask = (runtime: Runtime): Promise<TaskExit> => runtime.waitForExit(task.taskId, signal);
    return this.#untilAnswered(task, signal, 'lost sight of a task; looking again', ask, vanished);
  }

  /** Frees what an ended task holds; its logs stay unless `all`. */
  clearAway(task: TaskHandle, all: boolean): void {
    const runtime = this.parts.runtimes.of(task.runtime);
    runtime?.forget(task.taskId, all).catch((error: unknown) => {
      const about = { task: task.taskId, error: wordsOf(error) };
      this.parts.log.warn(about, 'an ended task could not be cleared away');
    });
  }

  /** Asks again until there is an answer; `unknown`: the answer when the runtime has no such task. Null when aborted. */
  async #untilAnswered<T>(
    task: TaskHandle,
    signal: AbortSignal,
    trouble: string,
    ask: (runtime: Runtime) => Promise<T>,
    unknown: T,
  ): Promise<T | null> {
    for (let waitMs = RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      try {
        return await ask(this.runtimeOf(task));
      } catch (error) {
        if (signal.aborted) return null;
        if (isUnknownTask(error)) return unknown;
        this.parts.log.warn({ task: task.taskId, error: wordsOf(error) }, trouble);
        await pause(this.parts.clock, waitMs, signal);
      }
    }
    return null;
  }
}

/** The runtime is there and has no such task, not even an ended one. */
const isUnknownTask = (error: unknown): boolean =>
  error instanceof RuntimeError && error.kind === 'rejected' && error.reason === 'invalid';
