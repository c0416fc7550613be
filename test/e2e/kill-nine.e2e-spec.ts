// kill -9 of every part of Longrun, each in turn, at random moments, under load: no task is restarted, only the proxy's death interrupts
// requests, and a crash that happened meanwhile is repaired.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive, identityOf } from '#libs/process-identity';
import { until } from '#libs/testkit';
import { containerOfTask, dockerHttpApp, killTaskOf } from './docker-app.js';
import { httpApp, LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';
import { fingerprints } from './task-processes.js';

const CMD = '/nine/cmd';
const DOCKER = '/nine/docker';

/** Prints its seed, so that a failure can be looked at again. */
function dice(): () => number {
  let state = Number(process.env['LONGRUN_TEST_SEED'] ?? Date.now() % 1_000_000);
  process.stderr.write(`kill-nine seed: LONGRUN_TEST_SEED=${state}\n`);
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe('kill -9', () => {
  let up: LongrunUp;
  let apps: string[];
  const random = dice();

  beforeAll(async () => {
    up = await LongrunUp.start();
    await up.ready();
    apps = process.env['DOCKER_HOST'] ? [CMD, DOCKER] : [CMD];
    await up.api.put('/v2/apps', [
      httpApp(CMD),
      ...(apps.includes(DOCKER) ? [await dockerHttpApp(DOCKER)] : []),
    ]);
    for (const id of apps) await up.settled(id, 2);
    for (const id of apps)
      await until(`${id} to be routed`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok);
  }, 300_000);
  afterAll(async () => up?.dispose(), 120_000);

  async function taskMarks(): Promise<string[]> {
    const tasks = (await Promise.all(apps.map((id) => up.settled(id, 2)))).flat();
    const containers = await Promise.all(
      tasks.map(async ({ id }) =>
        apps.includes(DOCKER) ? `${id} ${(await containerOfTask(id)) ?? 'process'}` : id,
      ),
    );
    return [
      ...containers.sort(),
      ...fingerprints(
        up.dataDir,
        tasks.map(({ id }) => id),
      ),
    ];
  }

  async function survives(
    what: string,
    kill: () => Promise<void>,
    back: () => Promise<unknown>,
  ): Promise<SteadyLoad> {
    const before = await taskMarks();
    const steady = new SteadyLoad(apps.map((id) => `${up.proxyUrl}/_app${id}/`));
    await until('some answers', () => steady.answered > 50);
    await pause(random() * 500);
    await kill();
    await until(`${what} to be back`, back, { withinMs: 90_000, everyMs: 100 });
    const more = steady.answered + 200;
    await until('more answers', () => steady.answered > more);
    await steady.stop();
    expect(await taskMarks()).toEqual(before);
    return steady;
  }
  const apiAnswers = async (): Promise<boolean> =>
    Boolean((await up.api.get<{ leader: string }>('/v2/leader')).leader);
  const agentConnected = async (): Promise<boolean> =>
    (await up.api.get<{ agents: { liveness: string }[] }>('/v3/agents')).agents.some(
      ({ liveness }) => liveness === 'connected',
    );

  it('of the control plane costs no request and no task', async () => {
    const steady = await survives(
      'the control plane',
      () => up.killChild('control-plane'),
      async () => (await apiAnswers()) && agentConnected(),
    );
    expect(steady.failures).toEqual([]);
  }, 240_000);

  it('of the agent costs no request and no task', async () => {
    const steady = await survives('the agent', () => up.killChild('agent'), agentConnected);
    expect(steady.failures).toEqual([]);
  }, 240_000);

  it('of Postgres costs no request and no task', async () => {
    const pid = up.postgresPid();
    const identity = identityOf(pid);
    if (!identity) throw new Error('no Postgres');
    const steady = await survives(
      'Postgres',
      () => {
        process.kill(pid, 'SIGKILL');
        return until('Postgres to be gone', () => !isAlive(identity)).then(() => undefined);
      },
      async () => {
        // a write that is accepted shows that it is back
        await up.api.put(`/v2/apps${CMD}`, { labels: {} });
        return apiAnswers();
      },
    );
    expect(steady.failures).toEqual([]);
  }, 240_000);

  it('of the proxy interrupts requests only until it is back, with its last table', async () => {
    const steady = await survives(
      'the proxy',
      () => up.killChild('proxy'),
      async () => (await fetch(`${up.proxyUrl}/_app${CMD}/`)).ok,
    );
    const ended = steady.failures.map(({ endedAt }) => endedAt);
    expect(
      steady.failures.filter(({ why }) => !/ECONNREFUSED|ECONNRESET|socket hang up|broke off/.test(why)),
    ).toEqual([]);
    expect(Math.max(0, ...ended) - Math.min(Number.MAX_VALUE, ...ended)).toBeLessThan(15_000);
  }, 240_000);

  it('of the supervisor, then up again, costs no request and no task', async () => {
    const proxyBefore = up.identity('proxy').pid;
    const postgresBefore = up.postgresPid();
    const steady = await survives(
      'the supervisor',
      async () => {
        await up.stop('SIGKILL');
        up = await LongrunUp.start({ dataDir: up.dataDir, ports: up.ports });
        await up.ready();
      },
      agentConnected,
    );
    expect(steady.failures).toEqual([]);
    expect(up.identity('proxy').pid).toBe(proxyBefore);
    expect(up.postgresPid()).toBe(postgresBefore);
  }, 240_000);

  it('of a task while the control plane is away is repaired, and known when it returns', async () => {
    const [victim] = await up.settled(CMD, 2);
    if (!victim) throw new Error('no task');
    const identity = up.identity('control-plane');
    process.kill(identity.pid, 'SIGSTOP'); // away, and not restarted by the supervisor
    try {
      await killTaskOf(up, victim);
      // the agent notices the silence and starts the next incarnation itself
      await until(
        'both instances to answer',
        async () => {
          const seen = new Set<string>();
          for (let n = 0; n < 20; n += 1) seen.add(await (await fetch(`${up.proxyUrl}/_app${CMD}/`)).text());
          return seen.size === 2 && ![...seen].some((text) => text.includes(victim.id));
        },
        { withinMs: 60_000, everyMs: 500 },
      );
    } finally {
      process.kill(identity.pid, 'SIGCONT');
    }
    await until(
      'the API to know',
      async () => !(await up.settled(CMD, 2)).some(({ id }) => id === victim.id),
    );
  }, 240_000);

  it('at 20 random moments, of random parts, costs no task', async () => {
    const before = await taskMarks();
    for (let round = 0; round < 20; round += 1) {
      await pause(random() * 1_500);
      const part =
        (['control-plane', 'agent', 'proxy', 'postgres'] as const)[Math.floor(random() * 4)] ?? 'agent';
      // a part that is just coming up has no record or is dead already: that moment is as good as any other
      const pid = part === 'postgres' ? up.postgresPidOrNull() : up.identity(part).pid;
      if (pid !== null && identityOf(pid)) process.kill(pid, 'SIGKILL');
    }
    await until('everything to be back', async () => (await apiAnswers()) && (await agentConnected()), {
      withinMs: 120_000,
    });
    for (const id of apps)
      await until(`${id} to answer`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok, {
        withinMs: 60_000,
      });
    expect(await taskMarks()).toEqual(before);
  }, 400_000);
});
