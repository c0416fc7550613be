// What the docker specs share: the one engine of this test run with an image in it, runtimes that own nothing but their labels,
// and launches. Without an engine the suites are skipped, loudly.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from '@jest/globals';
import { asAppId, newInstanceId, newTaskId, timestampOf } from '#libs/model';
import type { InstanceId, LaunchSpec } from '#libs/model';
import type { TaskLaunch, TaskObservation } from '#libs/runtime';
import { DockerRuntime } from '#libs/runtime-docker';
import { silentLogger } from '#libs/telemetry';
import { aLaunchSpec, findOrStartDocker, importBusyboxImage } from '#libs/testkit';
import { SystemClock } from '#libs/time';

export const IMAGE = 'longrun/busybox:test';
export const never = new AbortController().signal;
const APP = asAppId('/docker/spec');

export interface Engine {
  readonly socketPath: string;
}

/** Null: none here. The engine ends with the last test process that used it. */
export async function testEngine(): Promise<Engine | null> {
  const docker = await findOrStartDocker();
  if ('missing' in docker) {
    process.stderr.write(`\nSKIPPED: docker suites, for there is no Docker Engine: ${docker.missing}\n\n`);
    return null;
  }
  const { contents } = await importBusyboxImage(docker, IMAGE);
  if (contents === 'busybox') return docker;
  process.stderr.write('\nSKIPPED: docker suites need busybox-static for their image; install it\n\n');
  return null;
}

/** `describe`, or the same skipped when there is no engine. */
export function describeDocker(engine: Engine | null, name: string, declare: (engine: Engine) => void): void {
  if (engine) describe(name, () => declare(engine));
  else describe.skip(name, () => declare({ socketPath: '/nonexistent' }));
}

/** One agent's view of an engine; `reopen` is what a restart of the agent does. Everything is removed after the suite. */
export class Agent {
  readonly agentId = `agent-${randomUUID()}`;
  readonly dataDir = mkdtempSync(join(tmpdir(), 'longrun-docker-agent-'));
  readonly #launched: TaskLaunch[] = [];
  runtime: DockerRuntime;

  constructor(private readonly engine: Engine) {
    this.runtime = this.open();
    afterAll(() => this.#clear(), 120_000);
  }

  async reopen(): Promise<DockerRuntime> {
    await this.runtime.close();
    this.runtime = this.open();
    return this.runtime;
  }

  launch(spec: Partial<LaunchSpec>, instanceId: InstanceId = newInstanceId(APP, randomUUID())): TaskLaunch {
    const launch: TaskLaunch = {
      taskId: newTaskId(APP, randomUUID()),
      instanceId,
      appId: APP,
      appVersion: timestampOf(1_700_000_000_000),
      incarnation: 1,
      spec: aLaunchSpec({ runtime: 'docker', image: IMAGE, ...spec }),
    };
    this.#launched.push(launch);
    return launch;
  }

  async run(spec: Partial<LaunchSpec>): Promise<TaskObservation> {
    const launch = this.launch(spec);
    await this.runtime.prepare(launch, () => undefined, never);
    return this.runtime.start(launch);
  }

  open(socketPath = this.engine.socketPath): DockerRuntime {
    return new DockerRuntime({
      socketPath,
      agentId: this.agentId,
      clusterId: () => 'cluster-of-specs',
      clock: new SystemClock(),
      logger: silentLogger,
      dataDir: this.dataDir,
      seccompProfiles: join(this.dataDir, 'profiles'),
    });
  }

  async #clear(): Promise<void> {
    try {
      for (const { taskId } of this.#launched) {
        await this.runtime.stop(taskId, 0);
        await this.runtime.forget(taskId, true);
      }
    } finally {
      await this.runtime.close();
      rmSync(this.dataDir, { recursive: true, force: true });
    }
  }
}
