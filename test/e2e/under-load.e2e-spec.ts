// A cmd app and a Docker app, two instances each, under a steady load through the proxy: a killed task costs only what was in flight on it,
// and updates, scaling and restarts cost nothing at all.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import type { DeploymentAnswer } from '#libs/api-client';
import { dockerHttpApp, killTaskOf } from './docker-app.js';
import { httpApp, httpCommand, LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';

const CMD = '/load/cmd';
const DOCKER = '/load/docker';

describe('under 100 requests per second', () => {
  let up: LongrunUp;
  let apps: string[];

  beforeAll(async () => {
    up = await LongrunUp.start();
    await up.ready();
    apps = process.env['DOCKER_HOST'] ? [CMD, DOCKER] : [CMD];
    const bodies = [httpApp(CMD), ...(apps.includes(DOCKER) ? [await dockerHttpApp(DOCKER)] : [])];
    await up.api.put('/v2/apps', bodies);
    for (const id of apps) await up.settled(id, 2);
    for (const id of apps)
      await until(`${id} to be routed`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok);
  }, 300_000);
  afterAll(async () => up?.dispose(), 120_000);

  /** Quick answers and slow ones, so that there is always something in flight. */
  const load = (): SteadyLoad =>
    new SteadyLoad([...apps.map((id) => `${up.proxyUrl}/_app${id}/`), `${up.proxyUrl}/_app${CMD}/slow`]);
  const change = async (answer: Promise<DeploymentAnswer>): Promise<void> =>
    up.deploymentEnded((await answer).deploymentId);

  it('loses nothing but what was in flight when a task is killed, and replaces it', async () => {
    for (const id of apps) {
      const before = await up.settled(id, 2);
      const victim = before[0];
      if (!victim) throw new Error('no task');
      const steady = load();
      await until('some answers', () => steady.answered > 50);
      await killTaskOf(up, victim);
      const killedAt = performance.now();
      const inFlight = steady.inFlight;
      await until('a replacement', async () => !(await up.tasks(id)).some((task) => task.id === victim.id), {
        withinMs: 60_000,
      });
      const after = await up.settled(id, 2);
      const more = steady.answered + 50;
      await until('some more answers', () => steady.answered > more);
      await steady.stop();
      expect(after.map((task) => task.id)).not.toContain(victim.id);
      expect(after.map((task) => task.id)).toContain(before[1]?.id);
      // a request may only fail if it was under way when the task died
      expect(steady.failures.filter(({ startedAt }) => startedAt > killedAt)).toEqual([]);
      process.stderr.write(
        `${id}: ${steady.failures.length} of about ${inFlight} requests in flight failed\n`,
      );
    }
  }, 240_000);

  it('fails no request in a rolling update', async () => {
    const steady = load();
    await until('some answers', () => steady.answered > 50);
    await change(
      up.api.put<DeploymentAnswer>(`/v2/apps${CMD}`, { cmd: httpCommand({ text: '2', startDelayMs: 300 }) }),
    );
    if (apps.includes(DOCKER))
      await change(up.api.put<DeploymentAnswer>(`/v2/apps${DOCKER}`, { env: { RELEASE: '2' } }));
    const more = steady.answered + 100;
    await until('some more answers', () => steady.answered > more);
    await steady.stop();
    expect(steady.failures).toEqual([]);
    expect([...steady.seen.keys()].some((text) => text.startsWith('2 '))).toBe(true);
  }, 240_000);

  it('fails no request while scaling from 2 to 6 and back', async () => {
    const steady = load();
    await until('some answers', () => steady.answered > 50);
    for (const count of [6, 2]) {
      for (const id of apps)
        await change(up.api.put<DeploymentAnswer>(`/v2/apps${id}`, { instances: count }));
      for (const id of apps) await up.settled(id, count);
    }
    const more = steady.answered + 100;
    await until('some more answers', () => steady.answered > more);
    await steady.stop();
    expect(steady.failures).toEqual([]);
  }, 240_000);

  it('fails no request in a restart', async () => {
    const before = (await Promise.all(apps.map((id) => up.settled(id, 2)))).flat().map(({ id }) => id);
    const steady = load();
    await until('some answers', () => steady.answered > 50);
    for (const id of apps) await change(up.api.post<DeploymentAnswer>(`/v2/apps${id}/restart`));
    const after = (await Promise.all(apps.map((id) => up.settled(id, 2)))).flat().map(({ id }) => id);
    await steady.stop();
    expect(steady.failures).toEqual([]);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  }, 240_000);
});
