// Matching what runs with what is remembered, as values.
import { describe, expect, it } from '@jest/globals';
import { asTaskId } from '#libs/model';
import type { TaskObservation } from '#libs/runtime';
import { adoptTask, type AdoptionInput } from './adoption.js';
import { anAssignment } from './fixtures/agent-bench.js';
import { beginTask, isTerminal } from './task-record.js';

const assignment = anAssignment({ incarnation: 2 });
const seen = (incarnation: number, more: Partial<TaskObservation> = {}): TaskObservation => ({
  taskId: anAssignment({ incarnation }).taskId,
  instanceId: assignment.instanceId,
  appId: assignment.appId,
  incarnation,
  state: 'running',
  startedAt: 5,
  ipAddresses: [],
  ...more,
});
const adopted = (more: Partial<AdoptionInput>): ReturnType<typeof adoptTask> =>
  adoptTask({ runtime: 'process', seen: [], task: null, assignment, now: 100, ...more });

describe('adoption', () => {
  it('of the assigned task makes every other running one of the instance a stray', () => {
    const { task, strays } = adopted({ seen: [seen(1), seen(2)] });
    expect(task).toMatchObject({ incarnation: 2, phase: 'running', startedAt: 5 });
    expect(strays).toEqual([seen(1)]);
  });

  it('remembers that a task was ready, and measures everything else anew', () => {
    const before = {
      ...beginTask(assignment, 1),
      phase: 'running' as const,
      readiness: { ready: true },
      check: { tcp: { succeeded: true } },
      health: [{ alive: true, consecutiveFailures: 0 }],
    };
    const { task } = adopted({ task: before, seen: [seen(2)] });
    expect(task).toMatchObject({ readiness: { ready: true }, health: [null] });
    expect(task).not.toHaveProperty('check');
  });

  it('of an older running task takes it as it is: the worker replaces it', () => {
    const { task, strays } = adopted({ seen: [seen(1)] });
    expect(task).toMatchObject({ incarnation: 1, phase: 'running' });
    expect(strays).toEqual([]);
  });

  it('leaves alone what another runtime holds', () => {
    const task = { ...beginTask(assignment, 1), runtime: 'docker' as const, phase: 'running' as const };
    expect(adopted({ task })).toEqual({ task, strays: [] });
  });

  it('forgets a start that never happened, and ends what ran and is gone', () => {
    const begun = beginTask(assignment, 1);
    expect(adopted({ task: begun }).task).toBeNull();
    const { task } = adopted({ task: { ...begun, phase: 'running' } });
    expect(task && isTerminal(task)).toBe(true);
  });

  it('never asks the same start of its own twice: a task id of the agent is used once', () => {
    const { task } = adopted({ task: { ...beginTask(assignment, 1), autonomous: true } });
    expect(task).toMatchObject({ phase: 'ended', exit: { requested: false } });
  });

  it('calls an exit requested when a stop of ours was under way', () => {
    const exit = { code: 143, requested: false, outOfMemory: false, message: '' };
    const task = { ...beginTask(assignment, 1), phase: 'stopping' as const };
    const result = adopted({ task, seen: [seen(2, { state: 'ended', exit })] });
    expect(result.task).toMatchObject({ phase: 'ended', exit: { code: 143, requested: true } });
  });

  it('without an assignment takes the newest running task', () => {
    const found = [seen(1), seen(3, { taskId: asTaskId('a.b') }), seen(4, { state: 'ended' })];
    const { task, strays } = adopted({ assignment: null, seen: found });
    expect(task).toMatchObject({ incarnation: 3, phase: 'running', launch: null });
    expect(strays).toEqual([seen(1)]);
  });
});
