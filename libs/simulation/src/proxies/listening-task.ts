// A task as those see it that open connections to it.
import type { AppId, TaskId } from '#libs/model';

export interface ListeningTask {
  readonly taskId: TaskId;
  readonly appId: AppId;
  /** It takes what comes and answers nothing. */
  readonly isHung: boolean;
  /** `power-off`: nobody is told that it ended; null while it lives. */
  readonly how: string | null;
  /** What a request that gets there now would be answered; `refused`: its port is published, but nobody listens behind it. */
  http(
    path: string,
  ): { readonly kind: 'refused' | 'silent' } | { readonly kind: 'answer'; readonly status: number };
  /** Calls back once, in the moment it ends. */
  onEnd(tell: () => void): void;
}

/** Who listens there at this moment; `foreign`: no task, it wants nothing of ours. `address` as in a route table. */
export type FindListener = (address: string, port: number) => ListeningTask | 'foreign' | null | undefined;
