// What goes wrong is said: crash loops, tasks that fit nowhere, and bad input that changes nothing.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { until } from '#libs/testkit';
import { httpApp, LONGRUN, LongrunUp } from './longrun-up.js';

interface Queue {
  readonly queue: readonly {
    readonly app: { readonly id: string };
    readonly count: number;
    readonly delay: { readonly timeLeftSeconds: number; readonly overdue: boolean };
    readonly processedOffersSummary: {
      readonly rejectSummaryLastOffers: readonly { reason: string; declined: number }[];
    };
    readonly lastUnusedOffers?: readonly {
      readonly offer: { readonly hostname: string };
      readonly reason: readonly string[];
    }[];
  }[];
}

describe('trouble', () => {
  let up: LongrunUp;
  beforeAll(async () => {
    up = await LongrunUp.start();
    await up.ready();
    await up.api.post('/v2/apps', httpApp('/bystander', { instances: 1 }));
    await up.settled('/bystander', 1);
  }, 300_000);
  afterAll(async () => up?.dispose(), 120_000);

  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [LONGRUN, ...args, '--url', up.url, '--proxy-url', up.proxyUrl], {
      encoding: 'utf8',
    });
  const queued = async (id: string): Promise<Queue['queue'][number] | undefined> =>
    (await up.api.get<Queue>('/v2/queue?embed=lastUnusedOffers')).queue.find(({ app }) => app.id === id);

  it('starts a task that exits at once ever more slowly, and shows delay and last failure with the end of stderr', async () => {
    await up.api.post('/v2/apps', {
      id: '/crash',
      cmd: 'echo "the flux capacitor is empty" >&2; exit 7',
      instances: 1,
      cpus: 0.1,
      mem: 32,
      backoffSeconds: 1,
      backoffFactor: 3,
      maxLaunchDelaySeconds: 9,
      portDefinitions: [],
    });
    const delays: number[] = [];
    await until(
      'the delay to reach its maximum',
      async () => {
        const delay = (await queued('/crash'))?.delay;
        if (delay && !delay.overdue) delays.push(delay.timeLeftSeconds);
        return delays.some((seconds) => seconds >= 8);
      },
      { withinMs: 60_000, everyMs: 100 },
    );
    // it grew on the way: 1, 3, 9
    expect(Math.max(...delays)).toBeLessThanOrEqual(9);
    expect(delays.findIndex((seconds) => seconds >= 2)).toBeLessThan(
      delays.findIndex((seconds) => seconds >= 8),
    );
    const { lastTaskFailure } = await up.app('/crash');
    expect(lastTaskFailure?.message).toContain('7');
    expect(lastTaskFailure?.message).toContain('the flux capacitor is empty');
    const status = cli('status', 'crash');
    expect(status.status).toBe(0);
    expect(status.stdout).toContain('the flux capacitor is empty');
    expect(status.stdout).toMatch(/next start in \d+ s|waiting/);
  }, 180_000);

  it('says which resource is missing on which agent when a task fits nowhere', async () => {
    await up.api.post('/v2/apps', {
      id: '/huge',
      cmd: 'sleep 1000',
      instances: 1,
      cpus: 0.1,
      mem: 50_000_000,
      portDefinitions: [],
    });
    const entry = await until('a reason in the queue', async () => {
      const found = await queued('/huge');
      return found?.lastUnusedOffers?.length ? found : undefined;
    });
    expect(entry.processedOffersSummary.rejectSummaryLastOffers).toContainEqual(
      expect.objectContaining({ reason: 'InsufficientMemory', declined: 1 }),
    );
    expect(entry.lastUnusedOffers?.[0]?.reason).toContain('InsufficientMemory');
    expect(cli('status', 'huge').stdout).toMatch(/mem/i);
    // it starts as soon as it fits
    await up.api.put('/v2/apps/huge?force=true', { mem: 32 });
    await up.settled('/huge', 1);
  }, 120_000);

  it('answers bad input with a clear 4xx and leaves everything else alone', async () => {
    const before = await up.settled('/bystander', 1);
    const send = (
      path: string,
      body: string,
      headers: Record<string, string> = {},
    ): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          `${up.url}${path}`,
          { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
          (incoming) => {
            let text = '';
            incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
            incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
          },
        );
        outgoing.on('error', reject);
        outgoing.end(body);
      });
    const app = JSON.stringify({ id: '/evil', cmd: 'true', instances: 0 });
    expect(await send('/v2/apps', '{"id": ')).toMatchObject({ status: 400 });
    expect(await send('/v2/apps', '{"id": 5, "cpus": "much"}')).toMatchObject({
      status: 422,
      text: expect.stringContaining('/cpus'),
    });
    expect(await send('/v2/apps', `{"id":"/x","cmd":"${'x'.repeat(10_000_000)}"}`)).toMatchObject({
      status: 413,
    });
    expect(
      await send('/v2/apps', '{"__proto__":{"id":"/p"},"constructor":{"prototype":{"cmd":"x"}}}'),
    ).toMatchObject({ status: 422 });
    expect(await send('/v2/apps', '['.repeat(100_000))).toMatchObject({ status: 400 });
    expect(await send('/v2/apps', app, { origin: 'https://evil.example' })).toMatchObject({ status: 403 });
    expect(await send('/v2/apps', app, { host: 'evil.example' })).toMatchObject({ status: 403 });
    expect(
      await send('/v2/apps', app, { 'content-type': 'application/x-www-form-urlencoded' }),
    ).toMatchObject({ status: 415 });
    expect(await send('/v2/apps', app, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    expect(
      await send('/v2/apps', JSON.stringify({ id: '/hush', secrets: { key: { source: 'k' } }, cmd: 'true' })),
    ).toMatchObject({
      status: 422,
      text: expect.stringContaining("'secrets' is not supported yet"),
    });
    const { apps } = await up.api.get<{ apps: { id: string }[] }>('/v2/apps?id=evil');
    expect(apps).toEqual([]);
    expect(await up.settled('/bystander', 1)).toEqual(before);
  }, 120_000);

  it('has a client whose exit codes and words can be trusted', () => {
    expect(cli('status', 'no-such-app')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("App '/no-such-app' does not exist"),
    });
    expect(cli('scale', 'bystander', 'many')).toMatchObject({ status: 2 });
    expect(cli('frobnicate')).toMatchObject({ status: 2 });
    expect(cli('apps', '--jason')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean --json?'),
    });
    const lost = spawnSync(process.execPath, [LONGRUN, 'apps', '--url', 'http://127.0.0.1:1'], {
      encoding: 'utf8',
    });
    expect(lost).toMatchObject({ status: 3, stderr: expect.stringContaining('longrun up') });
    const scaled = cli('scale', 'bystander', '2', '--json');
    expect(scaled.status).toBe(0);
    expect(JSON.parse(scaled.stdout)).toMatchObject({
      app: { id: '/bystander', instances: 2, tasksHealthy: 2 },
    });
    expect(cli('restart', 'bystander')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('2/2 healthy'),
    });
    expect(cli('apps').stdout).toContain('/bystander');
    expect(cli('remove', 'bystander')).toMatchObject({ status: 0 });
    expect(cli('status', 'bystander').status).toBe(1);
  }, 180_000);
});
