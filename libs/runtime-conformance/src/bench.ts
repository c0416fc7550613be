// What the conformance cases share: launches with fresh ids, an own Runtime per suite that can be replaced by a new one over
// the same data, and the end of every task a case started. Scripts use only what busybox has, so an image may be tiny.
import { randomUUID } from 'node:crypto';
import { asAppId, newInstanceId, newTaskId, timestampOf } from '#libs/model';
import type { InstanceId, LaunchSpec, TaskExit, TaskId } from '#libs/model';
import type { Runtime, TaskLaunch, TaskObservation } from '#libs/runtime';
import { aLaunchSpec, until } from '#libs/testkit';

export interface ConformanceOptions {
  /** Laid over the default spec of every launch: runtime kind, image, network. Commands in it are ignored. */
  readonly spec?: Partial<LaunchSpec>;
  /** What one case may take, and how long a stop or an exit may take to be seen. Generous: machines are shared. */
  readonly timeoutMs?: number;
  /** Appended to `env` by the runtime or the image itself; not an error in the environment case. */
  readonly extraEnvironment?: readonly string[];
}

const APP = asAppId('/conformance/app');
/** Until the test ends; a process that is stopped by nothing but a signal. */
export const FOREVER = 'exec sleep 1000';

export class Bench {
  readonly never = new AbortController().signal;
  readonly #launched: TaskLaunch[] = [];
  #runtime: Runtime | undefined;

  constructor(
    private readonly makeRuntime: () => Promise<Runtime>,
    private readonly options: ConformanceOptions,
  ) {}

  get runtime(): Runtime {
    if (!this.#runtime) throw new Error('the bench is not open');
    return this.#runtime;
  }

  async open(): Promise<Runtime> {
    this.#runtime = await this.makeRuntime();
    return this.#runtime;
  }

  /** What a restart of the agent does: the old instance closes, a new one opens over the same data. */
  async reopen(meanwhile: () => Promise<void> = async () => {}): Promise<Runtime> {
    await this.runtime.close();
    await meanwhile();
    return this.open();
  }

  launch(spec: Partial<LaunchSpec>, instanceId: InstanceId = newInstanceId(APP, randomUUID())): TaskLaunch {
    const base: LaunchSpec = aLaunchSpec(this.options.spec);
    const { cmd: _cmd, args: _args, ...plain } = base;
    const launch: TaskLaunch = {
      taskId: newTaskId(APP, randomUUID()),
      instanceId,
      appId: APP,
      appVersion: timestampOf(1_700_000_000_000),
      incarnation: 1,
      spec: { ...plain, ...spec },
    };
    this.#launched.push(launch);
    return launch;
  }

  /** Prepares and starts a shell script. */
  async run(
    cmd: string,
    spec: Partial<LaunchSpec> = {},
    instanceId?: InstanceId,
  ): Promise<{ taskId: TaskId; instanceId: InstanceId; observed: TaskObservation }> {
    const launch = this.launch({ ...spec, cmd }, instanceId);
    const observed = await this.start(launch);
    return { taskId: launch.taskId, instanceId: launch.instanceId, observed };
  }

  async start(launch: TaskLaunch): Promise<TaskObservation> {
    await this.runtime.prepare(launch, () => {}, this.never);
    return this.runtime.start(launch);
  }

  exitOf(taskId: TaskId): Promise<TaskExit> {
    return this.runtime.waitForExit(taskId, this.never);
  }

  async observed(taskId: TaskId): Promise<TaskObservation | undefined> {
    return (await this.runtime.list()).find((task) => task.taskId === taskId);
  }

  async log(taskId: TaskId, stream: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
    return (await this.runtime.readLog(taskId, stream, 0, 1_000_000)).text;
  }

  /** Waits until the task wrote this line to stdout. */
  async line(taskId: TaskId, text: string): Promise<void> {
    await until(`'${text}' on stdout of ${taskId}`, async () =>
      (await this.log(taskId)).split('\n').includes(text),
    );
  }

  /** Half a second of the task's world, as a task: what still lives writes meanwhile. */
  async halfASecond(): Promise<void> {
    const { taskId } = await this.run('sleep 0.5');
    await this.exitOf(taskId);
  }

  /** Ends and forgets what the case started. */
  async clear(): Promise<void> {
    await Promise.all(
      this.#launched.splice(0).map(async ({ taskId }) => {
        await this.runtime.stop(taskId, 0);
        await this.runtime.forget(taskId, true);
      }),
    );
  }
}
