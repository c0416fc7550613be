// A good release under load over which bad ones are deployed, and what is promised of it whatever is done to Longrun meanwhile: each bad
// one is failed and taken back, the good one stays the same processes, and not one request fails.
import { expect } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppAnswer, DeploymentAnswer, EndedDeployment } from '#libs/api-client';
import { until } from '#libs/testkit';
import type { PartedLongrun } from './parted-longrun.js';
import { SteadyLoad } from './steady-load.js';
import { fingerprints } from './task-processes.js';

export const INSTANCES = 3;
const DEADLINE_S = 12;
const PER_SECOND = 30;
const ID = '/good/one';

export type Hurt = () => Promise<void>;
export type Moment = 'rollout' | 'rollback';

export const aRelease = (
  command: string,
  env: Readonly<Record<string, string>>,
  deadlineSeconds = DEADLINE_S,
): object => ({
  ...{ id: ID, cmd: command, env, instances: INSTANCES, cpus: 0.01, mem: 64, taskKillGracePeriodSeconds: 2 },
  portDefinitions: [{ port: 0, name: 'http' }],
  labels: { 'longrun.io/progress-deadline-seconds': String(deadlineSeconds) },
  healthChecks: [
    {
      ...{ protocol: 'HTTP', path: '/health', portIndex: 0, gracePeriodSeconds: 5 },
      ...{ intervalSeconds: 1, timeoutSeconds: 5, maxConsecutiveFailures: 3 },
    },
  ],
});

export class Rollbacks {
  readonly id = ID;
  #round = 0;

  private constructor(
    readonly parted: PartedLongrun,
    readonly command: string,
    readonly load: SteadyLoad,
    readonly prints: readonly string[],
  ) {}

  static async begin(parted: PartedLongrun, command: string): Promise<Rollbacks> {
    const url = `${parted.proxyUrl}/_app${ID}/`;
    await until('the release to be taken', () =>
      parted.call((api) => api.put(`/v2/apps${ID}`, aRelease(command, { RELEASE: 'good', MODE: 'good' }))),
    );
    const tasks = await parted.settled(ID, INSTANCES);
    await until('it to be routed', async () => (await fetch(url)).ok);
    const prints = fingerprints(
      parted.agentDir,
      tasks.map(({ id }) => id),
    );
    expect(prints).toHaveLength(INSTANCES);
    return new Rollbacks(parted, command, new SteadyLoad([url], PER_SECOND), prints);
  }
  end(): Promise<void> {
    return this.load.stop();
  }

  /** The deployment, also when the answer to its request was lost. */
  deploy(body: object): Promise<string> {
    return until('the deployment to be accepted', async () => {
      const running = await this.parted.call((api) => api.get<readonly { id: string }[]>('/v2/deployments'));
      if (running[0]) return running[0].id;
      return (await this.parted.call((api) => api.put<DeploymentAnswer>(`/v2/apps${ID}`, body))).deploymentId;
    });
  }
  outcomeOf(deployment: string): Promise<EndedDeployment> {
    return until(
      'the deployment to end',
      async () => {
        const story = await this.parted.call((api) =>
          api.get<EndedDeployment>(`/v3/deployments/${deployment}`),
        );
        if (story.status !== 'running') return story;
        throw new Error(JSON.stringify(story));
      },
      { withinMs: 90_000, everyMs: 50 },
    );
  }

  /**
   * A bad release over the good one, and `hurt` in the middle of the rollout, or as soon as it is being taken back. Returns how long the
   * deployment took, milliseconds.
   */
  async survives(moment: Moment, hurt: Hurt, deadlineSeconds = DEADLINE_S): Promise<number> {
    this.#round += 1;
    const before = this.load.answered;
    const startedAt = performance.now();
    const env = { RELEASE: 'bad', MODE: 'stubborn', ROUND: String(this.#round) };
    const deployment = await this.deploy(aRelease(this.command, env, deadlineSeconds));
    if (moment === 'rollout') {
      await pause((DEADLINE_S * 1000) / 2);
      await hurt();
    }
    const outcome = await this.outcomeOf(deployment);
    const tookMs = performance.now() - startedAt;
    if (moment === 'rollback') await hurt();
    expect(outcome).toMatchObject({ status: 'failed' });
    expect(outcome.reason).toContain(ID);
    // no deadline comes early
    expect(tookMs).toBeGreaterThan(deadlineSeconds * 1000 - 500);
    await this.unharmed();
    const answered = this.load.answered - before;
    expect(answered).toBeGreaterThan(0);
    process.stderr.write(
      `${moment} ${this.#round}: failed after ${Math.round(tookMs)} ms, ${answered} requests\n`,
    );
    return tookMs;
  }

  /** All as it was before, and the load was answered. */
  async unharmed(): Promise<void> {
    const tasks = await until('the good release to be alone', async () => {
      const { app } = await this.parted.call((api) => api.get<{ app: AppAnswer }>(`/v2/apps${ID}`));
      const isRest = app.tasks?.length === INSTANCES && app.tasksHealthy === INSTANCES;
      if (isRest && !app.deployments.length) return app.tasks ?? [];
      throw new Error(JSON.stringify({ ...app, cmd: undefined }).slice(0, 1500));
    });
    const names = tasks.map(({ id }) => id);
    expect(fingerprints(this.parted.agentDir, names)).toEqual(this.prints);
    const more = this.load.answered + PER_SECOND;
    await until('more answers', () => this.load.answered > more);
    expect(this.load.failures).toEqual([]);
  }
}
