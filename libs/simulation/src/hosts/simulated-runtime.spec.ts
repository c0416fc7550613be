// The contract of libs/runtime, case by case as in libs/runtime-conformance; that suite runs shell scripts in real time, and these
// tasks have neither. Both kinds, in virtual time.
import { describe, expect, it } from '@jest/globals';
import type { RuntimeKind, TaskExit, TaskId } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';
import { EXACT, SimProcess } from '../engine/sim-process.js';
import { Random } from '../engine/random.js';
import { assignment, HostBench, PORT, type Wishes } from './fixtures/host-bench.js';
import { SimulatedRuntime } from './simulated-runtime.js';
import type { SimTask } from './sim-task.js';

const never = new AbortController().signal;

function launchOf(wishes: Wishes = {}, runtime: RuntimeKind = 'process'): TaskLaunch {
  const {
    launch,
    goal: _goal,
    backoff: _backoff,
    cause: _cause,
    ...ids
  } = assignment({
    ...wishes,
    launch: { runtime, ...wishes.launch },
  });
  return { ...ids, spec: launch };
}

/** A runtime without an agent, in a process of its own. */
class RuntimeBench {
  readonly bench = new HostBench();
  readonly host = this.bench.host;
  #lives = 0;
  process: SimProcess;
  runtime: SimulatedRuntime;

  constructor(readonly kind: RuntimeKind) {
    this.process = this.#begin();
    this.runtime = new SimulatedRuntime(kind, this.host, this.process);
  }

  /** The agent is killed, and another one looks at the same host. */
  reopen(): void {
    this.process.kill();
    this.process = this.#begin();
    this.runtime = new SimulatedRuntime(this.kind, this.host, this.process);
  }
  launch(wishes: Wishes = {}): TaskLaunch {
    return launchOf(wishes, this.kind);
  }
  task(launch: TaskLaunch): SimTask {
    const task = this.host.task(launch.taskId);
    if (!task) throw new Error(`${launch.taskId} is not there`);
    return task;
  }
  /** What comes of it, once virtual time has passed. */
  async of<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let end: { readonly value: T } | { readonly error: unknown } | null = null;
    promise.then(
      (value) => (end = { value }),
      (error: unknown) => (end = { error }),
    );
    await this.bench.until('an answer', () => end !== null, withinMs);
    return promise;
  }
  /** Whether nothing comes of it for so long. */
  async isSilent(promise: Promise<unknown>, forMs: number): Promise<boolean> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    await this.bench.run(forMs);
    return !isSettled;
  }
  async started(wishes: Wishes = {}): Promise<SimTask> {
    const launch = this.launch(wishes);
    await this.of(
      this.runtime.prepare(launch, () => undefined, never),
      300_000,
    );
    await this.of(this.runtime.start(launch));
    return this.task(launch);
  }
  exitOf(taskId: TaskId): Promise<TaskExit> {
    return this.of(this.runtime.waitForExit(taskId, never));
  }

  #begin(): SimProcess {
    const name = `agent-0#${(this.#lives += 1)}`;
    return new SimProcess(this.bench.timeline, 'agent-0', name, new Random('runtime'), EXACT);
  }
}

describe.each(['process', 'docker'] as const)('the simulated runtime: %s', (kind) => {
  it('resolves with the running task, and lists it with its ids and its handle', async () => {
    const at = new RuntimeBench(kind);
    const launch = at.launch();
    const started = await at.of(at.runtime.start(launch));
    const { taskId, instanceId, appId } = launch;
    expect(started).toMatchObject({ taskId, instanceId, appId, incarnation: 1, state: 'running' });
    expect(started.handle).toBeTruthy();
    expect(await at.of(at.runtime.list())).toEqual([started]);
  });

  it('is idempotent per task id, also at the same time and after the end', async () => {
    const at = new RuntimeBench(kind);
    const launch = at.launch();
    const both = Promise.all([at.runtime.start(launch), at.runtime.start(launch)]);
    const [first, second] = await at.of(both);
    expect(second).toEqual(first);
    expect(await at.of(at.runtime.start(launch))).toEqual(first);
    at.task(launch).crash();
    expect(await at.of(at.runtime.start(launch))).toMatchObject({ state: 'ended', handle: first.handle });
    expect(at.bench.told).toEqual(['launching', 'running', 'ended crashed']);
  });

  it('refuses a port that another task has, by its number, and leaves nothing behind', async () => {
    const at = new RuntimeBench(kind);
    const first = await at.started();
    await at.bench.until('it listens', () => first.accepts);
    const ports = [{ index: 0, hostPort: PORT, protocol: 'tcp' as const }];
    const other = at.launch({ number: 2, launch: { ports } });
    await expect(at.of(at.runtime.start(other))).rejects.toMatchObject({
      kind: 'rejected',
      reason: 'port-taken',
      port: PORT,
    });
    expect(at.host.task(other.taskId)).toBeUndefined();
    at.task(at.launch()).kill();
    expect(await at.of(at.runtime.start(other))).toMatchObject({ state: 'running' });
  });

  it('tells the exit to all who wait, and rejects only for the one who gave up', async () => {
    const at = new RuntimeBench(kind);
    const task = await at.started();
    const impatient = new AbortController();
    const given = at.runtime.waitForExit(task.taskId, impatient.signal);
    const others = Promise.all([1, 2].map(() => at.runtime.waitForExit(task.taskId, never)));
    expect(await at.isSilent(Promise.race([given, others]), 1_000)).toBe(true);
    impatient.abort();
    await expect(given).rejects.toThrow(`no longer waiting for task ${task.taskId}`);
    task.crash(4);
    for (const exit of await at.of(others)) expect(exit).toMatchObject({ code: 4, requested: false });
  });

  it('can be hurried by a second stop with less grace', async () => {
    const at = new RuntimeBench(kind);
    const task = await at.started({ behaviour: 'ignores-term' });
    const patient = at.runtime.stop(task.taskId, 600_000);
    expect(await at.isSilent(patient, 10_000)).toBe(true);
    await at.of(at.runtime.stop(task.taskId, 0));
    await at.of(patient);
    expect(await at.exitOf(task.taskId)).toMatchObject({ code: 137, requested: true });
  });

  it('stops as often as one likes, also what it never saw, and asks nobody for what has ended', async () => {
    const at = new RuntimeBench(kind);
    const task = await at.started();
    await at.of(Promise.all([1, 2].map(() => at.runtime.stop(task.taskId, 5_000))));
    const asked = at.bench.told.filter((each) => each.startsWith('stopAsked')).length;
    await at.of(at.runtime.stop(task.taskId, 5_000));
    await at.of(at.runtime.stop(at.launch({ number: 2 }).taskId, 5_000));
    expect(at.bench.told.filter((each) => each.startsWith('stopAsked'))).toHaveLength(asked);
  });

  it('does not call an exit requested that happened before the stop', async () => {
    const at = new RuntimeBench(kind);
    const task = await at.started();
    task.crash(6);
    await at.of(at.runtime.stop(task.taskId, 100));
    expect(await at.exitOf(task.taskId)).toMatchObject({ code: 6, requested: false });
  });

  it('keeps the last two ended tasks of an instance that were forgotten, and lists none of them', async () => {
    const at = new RuntimeBench(kind);
    const tasks: SimTask[] = [];
    for (const incarnation of [1, 2, 3]) {
      const task = await at.started({ incarnation });
      task.crash();
      tasks.push(task);
    }
    for (const { taskId } of tasks) await at.of(at.runtime.forget(taskId, false));
    expect(await at.of(at.runtime.list())).toEqual([]);
    const logOf = (task: SimTask | undefined): Promise<unknown> =>
      at.of(at.runtime.readLog(task?.taskId ?? ('' as TaskId), 'stdout', 0, 100));
    await expect(logOf(tasks[0])).rejects.toThrow(`task ${tasks[0]?.taskId ?? ''} is not known here`);
    expect(await logOf(tasks[1])).toEqual({ text: 'release 1 runs\n', next: 15 });
    await at.of(at.runtime.forget(tasks[2]?.taskId ?? ('' as TaskId), true));
    await expect(logOf(tasks[1])).rejects.toThrow(`task ${tasks[1]?.taskId ?? ''} is not known here`);
  });

  it('finds tasks again after a restart: the same handle, the real exit of what ended meanwhile', async () => {
    const at = new RuntimeBench(kind);
    const [task, other] = [await at.started(), await at.started({ number: 2 })];
    const before = await at.of(at.runtime.list());
    at.reopen();
    other.crash(7);
    expect(await at.of(at.runtime.list())).toEqual([
      before[0],
      { ...before[1], state: 'ended', exit: expect.objectContaining({ code: 7 }) },
    ]);
    await at.of(at.runtime.stop(task.taskId, 5_000));
    expect(await at.exitOf(task.taskId)).toMatchObject({ requested: true });
  });

  it('does not start what a killed agent had begun to start a second time', async () => {
    const at = new RuntimeBench(kind);
    const launch = at.launch();
    void at.runtime.start(launch);
    await at.bench.until('it has reached the system', () => at.bench.told.includes('launching'));
    expect(at.bench.told).toEqual(['launching']);
    at.reopen();
    expect(await at.of(at.runtime.start(launch))).toMatchObject({ state: 'running' });
    expect(at.bench.told).toEqual(['launching', 'running']);
  });

  it('runs a command of a check in a task that lives, and in no other', async () => {
    const at = new RuntimeBench(kind);
    const task = await at.started();
    await at.bench.until('it listens', () => task.accepts);
    const check = (): ReturnType<SimulatedRuntime['execute']> =>
      at.of(at.runtime.execute(task.taskId, './check', 2_000));
    expect(await check()).toMatchObject({ code: 0 });
    task.sicken(5_000);
    expect(await check()).toMatchObject({ code: 1 });
    task.hang(60_000);
    const askedAt = at.bench.ms;
    expect(await check()).toMatchObject({ code: null });
    expect(at.bench.ms - askedAt).toBeGreaterThanOrEqual(2_000);
    task.crash();
    await expect(check()).rejects.toMatchObject({ kind: 'rejected' });
  });
});

describe('a stop whose agent dies', () => {
  it('goes no further than SIGTERM with processes, and is finished by the next stop', async () => {
    const at = new RuntimeBench('process');
    const task = await at.started({ behaviour: 'ignores-term' });
    void at.runtime.stop(task.taskId, 3_000);
    await at.bench.run(1_000);
    at.reopen();
    await at.bench.run(60_000);
    expect(task.isAlive).toBe(true);
    await at.of(at.runtime.stop(task.taskId, 3_000));
    expect(await at.exitOf(task.taskId)).toMatchObject({ code: 137, requested: true });
  });

  it('goes on in the Docker Engine, which does not remember who asked', async () => {
    const at = new RuntimeBench('docker');
    const task = await at.started({ behaviour: 'ignores-term' });
    void at.runtime.stop(task.taskId, 3_000);
    await at.bench.run(1_000);
    at.reopen();
    await at.bench.run(3_000);
    expect(task.isAlive).toBe(false);
    expect(await at.exitOf(task.taskId)).toMatchObject({ code: 137, requested: false });
  });
});

describe('a pull', () => {
  it('ends at once when it is aborted, and is begun anew', async () => {
    const at = new RuntimeBench('docker');
    const launch = at.launch({ behaviour: 'pulls-long' });
    const pulling = new AbortController();
    let reports = 0;
    const pull = at.runtime.prepare(launch, () => (reports += 1), pulling.signal);
    expect(await at.isSilent(pull, 30_000)).toBe(true);
    expect(reports).toBeGreaterThan(0);
    pulling.abort();
    await expect(at.of(pull, 1)).rejects.toThrow('aborted');
    const again = at.runtime.prepare(launch, () => undefined, never);
    expect(await at.isSilent(again, 30_000)).toBe(true);
    await at.of(again, 300_000);
    await at.of(
      at.runtime.prepare(launch, () => undefined, never),
      100,
    );
  });

  it('does not wait for an engine that refuses', async () => {
    const at = new RuntimeBench('docker');
    at.host.setEngine('errors');
    const launch = at.launch();
    const tries = Array.from({ length: 20 }, () =>
      at.runtime.prepare(launch, () => undefined, never).catch((error: unknown) => error),
    );
    const ends = await at.of(Promise.all(tries));
    expect(ends).toContainEqual(expect.objectContaining({ kind: 'temporary' }));
  });
});

describe('a host without room', () => {
  it('keeps the mark of a stop before the signal, and does not hear of an end until there is room', async () => {
    const at = new RuntimeBench('process');
    const task = await at.started();
    while (!at.host.disk.isFull) at.host.fillDisk(true);
    await expect(at.of(at.runtime.stop(task.taskId, 5_000))).rejects.toThrow('ENOSPC');
    expect(task.phase).toBe('running');
    const again = at.runtime.stop(task.taskId, 5_000);
    expect(await at.isSilent(again, 10_000)).toBe(true);
    expect(task.isAlive).toBe(false);
    expect(await at.of(at.runtime.list())).toMatchObject([{ state: 'running' }]);
    at.host.fillDisk(false);
    await at.of(again);
    expect(await at.exitOf(task.taskId)).toMatchObject({ requested: true });
  });
});
