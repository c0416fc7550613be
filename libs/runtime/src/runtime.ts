// The Runtime seam: how an agent starts, watches and stops one task. Two implementations (docker, process) pass one conformance suite.
// A runtime keeps tasks alive over its own death: after a restart of the agent `adopt` finds them again, with their real exit.
import type { AppId, InstanceId, LaunchSpec, TaskExit, TaskId, Timestamp } from '#libs/model';

export interface TaskLaunch {
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly appVersion: Timestamp;
  readonly incarnation: number;
  readonly spec: LaunchSpec;
}

/** A task as the runtime finds it. */
export interface TaskObservation {
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly incarnation: number;
  readonly state: 'running' | 'ended';
  /** Epoch ms. */
  readonly startedAt?: number;
  readonly exit?: TaskExit;
  /** pid of the task (not of its shim), or container id. */
  readonly handle?: string;
  readonly ipAddresses: readonly { readonly ipAddress: string; readonly protocol: 'IPv4' | 'IPv6' }[];
}

export interface PullProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly text: string;
}

export interface RuntimeHealth {
  readonly usable: boolean;
  /** Clear words, e.g. `no cgroup limits: /sys/fs/cgroup/memory is not writable`. */
  readonly warnings: readonly string[];
}

/** The only distinction a worker needs. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  constructor(
    /** `rejected`: before the start and trying again changes nothing. `temporary`: may pass. */
    readonly kind: 'rejected' | 'temporary',
    readonly reason: 'port-taken' | 'image-not-found' | 'runtime-missing' | 'invalid' | 'temporary',
    message: string,
    readonly port?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface LogRead {
  readonly text: string;
  /** Byte offset after this text; pass it as the next `from`. */
  readonly next: number;
}

export interface Runtime {
  readonly kind: 'docker' | 'process';
  health(): Promise<RuntimeHealth>;
  /** All tasks of this agent that this runtime knows, running or ended and not yet forgotten. Safe to call at any time. */
  list(): Promise<readonly TaskObservation[]>;
  /** Makes the image there (docker; nothing for processes). May be long: honours the signal at once, reports progress at most once per second. */
  prepare(launch: TaskLaunch, progress: (pull: PullProgress) => void, signal: AbortSignal): Promise<void>;
  /** Starts it; resolves when it runs. Idempotent per task id: a second call finds the first one's task. Bind-tests host ports first (decisions.md 23). */
  start(launch: TaskLaunch): Promise<TaskObservation>;
  /** Resolves when the task has ended, with its exit; at once if it already has. Rejects only when aborted. */
  waitForExit(taskId: TaskId, signal: AbortSignal): Promise<TaskExit>;
  /**
   * Looks at all tasks that run. Resolves when whoever waits for an exit from before this call has been told it; what cannot be told soon,
   * for something of the task does not end, is not waited for. Rejects when it could not look. Cheap: called every 3 s and more often.
   */
  lookForEnds(): Promise<void>;
  /** SIGTERM (to the process group / the container), after `graceMs` SIGKILL to all of it; resolves when nothing of it is left. Idempotent. */
  stop(taskId: TaskId, graceMs: number): Promise<void>;
  /**
   * Runs a COMMAND health check inside the task's surroundings (same environment, folder or container). Result: exit code, or null on time-out.
   * Rejects: RuntimeError, `temporary` when nobody could be asked, which says nothing about the task.
   */
  execute(
    taskId: TaskId,
    command: string,
    timeoutMs: number,
  ): Promise<{ code: number | null; output: string }>;
  /** Reads a log file from a byte offset (negative: from the end), at most `maxBytes`. Works for ended tasks until they are forgotten. */
  readLog(taskId: TaskId, stream: 'stdout' | 'stderr', from: number, maxBytes: number): Promise<LogRead>;
  /** Frees what an ended task still holds; keeps the last 2 ended tasks of an instance for their logs unless `all`. */
  forget(taskId: TaskId, all: boolean): Promise<void>;
  /** Stop writing task output while the disk is nearly full (decisions.md 24); counts what was dropped. */
  dropOutput(drop: boolean): void;
  close(): Promise<void>;
}
