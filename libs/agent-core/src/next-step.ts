// What the worker of one instance does next: a pure function of what is wanted and what is.
// With a session only the control plane starts the next incarnation; after 10 s without one the agent does (decisions.md 15).
import { nextDelayMs } from '#libs/lifecycle';
import type { Assignment } from '#libs/model';
import { isTerminal, type TaskRecord } from './task-record.js';

/** Without a session for this long the agent restarts what ended (decisions.md 15). */
export const AUTONOMY_AFTER_MS = 10_000;
/** A launch that was refused is not tried more often than this, whatever the app's backoff says. */
const REJECTED_DELAY_MS_MIN = 1_000;

export interface Presence {
  readonly connected: boolean;
  /** Since when there is no session; of no meaning while connected. */
  readonly lostAt: number;
}

export interface WorkerView {
  readonly assignment: Assignment | null;
  readonly task: TaskRecord | null;
  /** An orphan whose time is over (decisions.md 7). */
  readonly condemned: boolean;
  readonly delayMs: number;
  readonly presence: Presence;
  readonly now: number;
}

export type Step =
  | { readonly kind: 'start'; readonly assignment: Assignment }
  | { readonly kind: 'stop' }
  /** To be stopped, and never began: only reported. */
  | { readonly kind: 'cancel'; readonly assignment: Assignment }
  | {
      readonly kind: 'restart';
      readonly assignment: Assignment;
      readonly previous: TaskRecord;
      readonly delayMs: number;
    }
  /** `at`: look again then, epoch ms. */
  | { readonly kind: 'wait'; readonly at?: number };

const WAIT: Step = { kind: 'wait' };

export function nextStep(view: WorkerView): Step {
  const { assignment, task } = view;
  const alive = task !== null && !isTerminal(task);
  if (!assignment) return alive && (view.condemned || isUnbegun(task)) ? { kind: 'stop' } : WAIT;
  if (assignment.goal === 'stop') {
    // it was said of another task: the control plane hears of this one first, takes it over, and says then what becomes of it
    if (alive) return isNewer(task, assignment) ? WAIT : { kind: 'stop' };
    return task === null || isOlder(task, assignment) ? { kind: 'cancel', assignment } : WAIT;
  }
  if (!task) return { kind: 'start', assignment };
  if (isOlder(task, assignment)) return alive ? { kind: 'stop' } : { kind: 'start', assignment };
  return alive ? WAIT : restartOrWait(view, assignment, task);
}

/**
 * Nothing of it runs yet, and a launch would take a place that may be another's by now. What the agent began by itself is told and taken over
 * instead.
 */
const isUnbegun = (task: TaskRecord): boolean => task.phase === 'pulling' && !task.autonomous;

/**
 * The same number with another task id: what the agent started itself while it had no session is real, and the control plane takes
 * it over; otherwise the assignment is the newer one.
 */
function isOlder(task: TaskRecord, assignment: Assignment): boolean {
  if (task.incarnation !== assignment.incarnation) return task.incarnation < assignment.incarnation;
  return task.taskId !== assignment.taskId && !task.autonomous;
}

/** What the agent started itself, and the control plane did not know of when it made this assignment. */
const isNewer = (task: TaskRecord, assignment: Assignment): boolean =>
  task.taskId !== assignment.taskId && !isOlder(task, assignment);

function restartOrWait(view: WorkerView, assignment: Assignment, previous: TaskRecord): Step {
  if (view.presence.connected) return WAIT;
  const delayMs = restartDelayMs(view.delayMs, assignment, previous);
  const at = Math.max(previous.since + delayMs, view.presence.lostAt + AUTONOMY_AFTER_MS);
  return view.now >= at ? { kind: 'restart', assignment, previous, delayMs } : { kind: 'wait', at };
}

/** Grows with each failure and is forgotten after `maxMs` of stable running (behaviour.md 9). */
function restartDelayMs(soFarMs: number, { backoff }: Assignment, previous: TaskRecord): number {
  const ranMs = previous.startedAt === undefined ? 0 : previous.since - previous.startedAt;
  const delayMs = nextDelayMs(ranMs >= backoff.maxMs ? 0 : soFarMs, backoff);
  return previous.phase === 'rejected' ? Math.max(delayMs, REJECTED_DELAY_MS_MIN) : delayMs;
}
