// Promise 2 with two proxies, one of which is frozen during a rolling update: what it could still reach is not stopped while its lease
// lasts, the other one serves as if nothing were, and when the frozen one goes on, it asks for the table before it serves what waited.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeploymentAnswer } from '#libs/api-client';
import { freePorts, until } from '#libs/testkit';
import { httpApp, LONGRUN, LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';

const APP = '/frozen/web';
const WAITING_MS = 60_000;
const KEPT = 5;

/** Answers with its task; `/slow` after a second. Notes when it was asked to end. */
const SERVICE = `
const { appendFileSync } = require('node:fs');
process.on('SIGTERM', () => {
  appendFileSync(process.env.STOPS, process.env.MESOS_TASK_ID + ' ' + Date.now() + '\\n');
  process.exit(0);
});
require('node:http').createServer((request, response) => {
  setTimeout(() => response.end(process.env.MESOS_TASK_ID), request.url === '/slow' ? 1000 : 0);
}).listen(process.env.PORT0);
`;

interface Stop {
  readonly task: string;
  /** ms since the epoch. */
  readonly at: number;
}

describe('two proxies, one of which is frozen during a rolling update', () => {
  let up: LongrunUp;
  let folder = '';
  let second: ChildProcess;
  let port = 0;
  let log = '';
  let steady: SteadyLoad | undefined;
  const kept = new Agent({ keepAlive: true, maxSockets: KEPT });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-frozen-'));
    writeFileSync(join(folder, 'service.cjs'), SERVICE);
    writeFileSync(join(folder, 'stops'), '');
    up = await (await LongrunUp.start({ args: ['--proxy-admin-port', '0'] })).ready();
    await up.api.put('/v2/apps', [app('1')]);
    await up.settled(APP, 2);
    await startSecond();
    await until('the second proxy to serve', async () => (await ask()).startsWith('200 '));
    await until(
      'both to be registered',
      async () => (await proxies()).filter(({ live }) => live).length === 2,
    );
  }, 300_000);
  afterAll(async () => {
    kept.destroy();
    await steady?.stop();
    if (second?.exitCode === null && second.signalCode === null) {
      const gone = once(second, 'exit');
      second.kill('SIGCONT');
      second.kill('SIGKILL');
      await gone;
    }
    await up?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const app = (release: string): object =>
    httpApp(APP, {
      cmd: `exec ${process.execPath} ${join(folder, 'service.cjs')}`,
      env: { STOPS: join(folder, 'stops'), RELEASE: release },
    });
  const stops = (): Stop[] =>
    readFileSync(join(folder, 'stops'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => ({ task: line.split(' ')[0] ?? '', at: Number(line.split(' ')[1]) }));
  interface Proxy {
    readonly address: string;
    readonly live: boolean;
  }
  const proxies = async (): Promise<Proxy[]> =>
    (await up.api.get<{ proxies: Proxy[] }>('/v3/proxies')).proxies;

  async function startSecond(): Promise<void> {
    const [main = 0, first = 0] = await freePorts(12);
    port = main;
    const tokens = JSON.parse(readFileSync(join(up.dataDir, 'tokens.json'), 'utf8')) as { proxy: string };
    second = spawn(
      process.execPath,
      [
        ...[LONGRUN, 'proxy', '--control-plane', up.url, '--data-dir', join(folder, 'second')],
        ...['--proxy-port', String(port), '--service-ports', `${first}-${first + 10}`],
        ...['--proxy-admin-port', '0'],
      ],
      { env: { ...process.env, LONGRUN_TOKEN: tokens.proxy }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [second.stdout, second.stderr])
      stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await until(
      'the second proxy to be ready',
      () => {
        if (second.exitCode !== null) throw new Error(`it ended: ${log}`);
        return log.includes('"event":"ready"');
      },
      { withinMs: 60_000 },
    );
  }

  /** Status and text, or what went wrong; over the second proxy. */
  const ask = (path = '/', agent: Agent | false = false): Promise<string> =>
    new Promise((resolve) => {
      const outgoing = request(
        { port, path: `/_app${APP}${path}`, agent, timeout: WAITING_MS },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(`${response.statusCode} ${text}`));
          response.on('error', (error) => resolve(`broke off: ${error.message}`));
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
      outgoing.on('error', (error) => resolve(`failed: ${error.message}`));
      outgoing.end();
    });
  const askAll = (count: number, path?: string, agent?: Agent): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => ask(path, agent)));

  it('stops nothing that it could reach before its lease ends, and it fails nothing afterwards', async () => {
    const before = (await up.settled(APP, 2)).map(({ id }) => id);
    const load = new SteadyLoad([`${up.proxyUrl}/_app${APP}/`, `${up.proxyUrl}/_app${APP}/slow`], 50);
    steady = load;
    await until('some answers', () => load.answered > 50);
    // kept connections, idle; and requests that are under way when it freezes
    await askAll(KEPT, '/', kept);
    const underWay = askAll(10, '/slow');
    await until('these to be under way', async () => (await ask()).startsWith('200 '));
    second.kill('SIGSTOP');
    const frozenAt = Date.now();
    const early = askAll(10);
    const { deploymentId } = await up.api.put<DeploymentAnswer>(`/v2/apps${APP}`, app('2'));

    let lastLiveAt = 0;
    await until(
      'the lease to end',
      async () => {
        const askedAt = Date.now();
        const isLive = (await proxies()).some(({ address, live }) => live && address.endsWith(`:${port}`));
        if (isLive) lastLiveAt = askedAt;
        return !isLive;
      },
      { withinMs: 30_000, everyMs: 20 },
    );
    await up.deploymentEnded(deploymentId);
    const after = (await up.settled(APP, 2)).map(({ id }) => id);
    const late = askAll(10);
    const overKept = askAll(KEPT, '/', kept);
    second.kill('SIGCONT');

    const answers = [...(await early), ...(await late), ...(await overKept)];
    expect(await underWay).toEqual(Array.from({ length: 10 }, () => expect.stringMatching(/^200 /)));
    // what it accepted while frozen goes to those that are there now
    expect(answers.filter((each) => !after.some((task) => each === `200 ${task}`))).toEqual([]);
    const ended = stops();
    expect(ended.map(({ task }) => task).sort()).toEqual([...before].sort());
    expect(ended.filter(({ at }) => at < lastLiveAt)).toEqual([]);
    // the wait was a real one
    expect(lastLiveAt - frozenAt).toBeGreaterThan(3_000);
    const more = load.answered + 50;
    await until('some more answers', () => load.answered > more);
    await load.stop();
    expect(load.failures).toEqual([]);
    const said = ended.map(({ at }) => `${at - frozenAt} ms`).join(', ');
    process.stderr.write(
      `frozen; last seen live after ${lastLiveAt - frozenAt} ms, old tasks stopped after ${said}; ${load.sent} requests on the other proxy\n`,
    );
    await until('it to be live again', async () => (await proxies()).filter(({ live }) => live).length === 2);
  }, 240_000);
});
