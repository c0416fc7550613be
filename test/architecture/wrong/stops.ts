// Ways around the gatekeeper that the search must find: each line that ends in `finds …`, and no other.
import type { ChildProcess } from 'node:child_process';
import type Docker from 'dockerode';
import type { Instance, InstanceStop } from '#libs/model';
import { signalProcess, type ProcessIdentity } from '#libs/process-identity';
import type { Runtime } from '#libs/runtime';
import type { Write } from '#libs/store';
import type { TaskCalls, TaskHandle } from '../../../libs/agent-core/src/task-calls.js';
import type { Step } from '../../../libs/agent-core/src/next-step.js';
import type { AppDraft } from '../../../libs/reconciler/src/app-draft.js';

export const stopped = (row: Instance, stop: InstanceStop): Instance => ({
  ...row,
  goal: 'stopped', // finds write-stop
  stop, // finds write-stop
});
export const computed = (row: Instance, isOver: boolean): Instance => ({
  ...row,
  goal: isOver ? 'stopped' : row.goal, // finds write-stop
});
export const hurried = (stop: InstanceStop): InstanceStop => ({
  ...stop,
  phase: 'killing', // finds write-stop
  then: 'remove', // finds write-stop
});
export function inTwoSteps(row: Instance, cause: Instance['cause']): Instance {
  const changed = {
    ...row,
    stop: { phase: 'killing', cause, since: 0, then: 'relaunch' } as const, // finds write-stop
  };
  return changed;
}
export function loose(row: Instance, stop: InstanceStop): Instance {
  const more = { stop }; // finds write-stop
  return Object.assign({}, row, more);
}
export const forgotten = ({ id }: Instance): Write => ({
  kind: 'remove-instance', // finds remove-instance
  id,
});
export const dropped = (draft: AppDraft, { id, cause }: Instance): void => draft.remove(id, cause); // finds draft-remove
export const ofRuntime = (runtime: Runtime | undefined): unknown => runtime?.stop('t' as never, 0); // finds runtime-stop
export function borrowed(runtime: Runtime): unknown {
  const { stop } = runtime; // finds runtime-stop
  return stop;
}
export const asked = (calls: TaskCalls, task: TaskHandle): unknown =>
  calls.stop(task, 0, AbortSignal.abort()); // finds worker-stop
export const decided = (): Step => ({
  kind: 'stop', // finds stop-step
});
export const shot = (pid: number): unknown => process.kill(pid, 'SIGKILL'); // finds signal
export const killed = (child: ChildProcess): unknown => child.kill(); // finds signal
export const signalled = (identity: ProcessIdentity): unknown => signalProcess(identity, 'SIGTERM'); // finds signal
export const removed = (docker: Docker): unknown => docker.getContainer('c').remove({ force: true }); // finds engine-stop

// these are no stops
export const kept = (row: Instance): Instance => ({ ...row, goal: 'running' });
export const shown = ({ stop }: Instance): object => ({
  stop: stop && { phase: stop.phase },
  goal: 'stopped',
});
export const read = (row: Instance): boolean => row.goal === 'stopped' || row.stop?.phase === 'killing';
export const other = (): object => ({ kind: 'stop', phase: 'killing' });
