// What a simulated host tells whoever checks promises, at the moment it happens. Truth, not what any part of the product believes.
import type { SimHost } from './sim-host.js';
import type { SimTask, TaskEnd } from './sim-task.js';

export interface HostHooks {
  /** A line for the log of the run: what an agent logged, what happened to the host. */
  note(who: string, text: string): void;
  /** The agent logged an error. */
  error?(who: string, fields: object, text: string): void;
  /** The agent has taken assignments of a session of this epoch and confirms them. */
  followed?(host: SimHost, epoch: number): void;
  /** Its runtime starts a task; ports are not open yet, nothing of it runs. */
  launching(host: SimHost, task: SimTask): void;
  /** Its program runs. */
  running?(host: SimHost, task: SimTask): void;
  /** The agent asks a runtime to stop a task that is alive; nothing has happened to it yet. Told again when it asks again. */
  stopAsked(host: SimHost, task: SimTask, graceMs: number): void;
  /** Nothing of it is left. */
  ended(host: SimHost, task: SimTask, how: TaskEnd): void;
}
