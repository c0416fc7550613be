// Promise 1 for an app with a readiness check, with everything real: a new version that runs but is not ready gets no request and
// replaces nothing, also while the agent that asks it dies and comes back; and `check` is only shown.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#libs/testkit';
import { LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';

interface ReadinessAnswer {
  readonly name: string;
  readonly taskId: string;
  readonly ready: boolean;
  readonly lastResponse?: { readonly status: number; readonly body: string };
}
interface Ready {
  readonly app: { readonly readinessCheckResults: readonly ReadinessAnswer[] };
}

/** Answers its version and task; ready as soon as the file exists. */
function command(version: string, file: string): string {
  const code =
    `require('node:http').createServer((q,s)=>{if(q.url==='/ready'){s.statusCode=require('node:fs').existsSync('${file}')?200:503;` +
    `s.setHeader('content-type','text/plain');s.end(s.statusCode===200?'warm':'cold')}` +
    `else s.end('${version} '+process.env.MESOS_TASK_ID)}).listen(process.env.PORT0)`;
  return `exec ${process.execPath} -e "${code}"`;
}

describe('readiness', () => {
  let up: LongrunUp;
  let folder = '';
  let load: SteadyLoad | undefined;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-ready-'));
    up = await LongrunUp.start();
    await up.ready();
  }, 300_000);
  afterAll(async () => {
    await load?.stop();
    await up?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const anApp = (version: string, file: string): object => ({
    id: '/warm',
    cmd: command(version, file),
    instances: 2,
    cpus: 0.1,
    mem: 64,
    portDefinitions: [{ port: 0, name: 'http' }],
    readinessChecks: [
      {
        ...{ name: 'warm', portName: 'http', path: '/ready', intervalSeconds: 2, timeoutSeconds: 1 },
        preserveLastResponse: true,
      },
    ],
    check: { tcp: { portIndex: 0 }, intervalSeconds: 1, delaySeconds: 0 },
  });
  const answers = async (): Promise<readonly ReadinessAnswer[]> =>
    (await up.api.get<Ready>('/v2/apps/warm?embed=app.readiness')).app.readinessCheckResults;

  it('holds a new version back until it is ready, through the death of its agent', async () => {
    const first = join(folder, 'first');
    writeFileSync(first, '');
    await up.api.post('/v2/apps', anApp('1', first));
    const old = await up.settled('/warm', 2);
    await until('the service port to answer', async () => (await fetch(`${up.proxyUrl}/_app/warm/`)).ok);
    const traffic = new SteadyLoad([`${up.proxyUrl}/_app/warm/`], 50);
    load = traffic;

    const second = join(folder, 'second');
    const change = await up.api.put<{ deploymentId: string }>('/v2/apps/warm', anApp('2', second));
    const cold = async (): Promise<boolean> => {
      const results = await answers();
      return (
        results.filter(({ ready, lastResponse }) => !ready && lastResponse?.body === 'cold').length === 2
      );
    };
    await until('both new instances to be asked', cold);
    const { pid } = up.identity('agent');
    await up.killChild('agent');
    await until('another agent', () => up.identity('agent').pid !== pid);
    await until('the new instances still to be cold', cold);
    expect([...traffic.seen.keys()].filter((text) => text.startsWith('2 '))).toEqual([]);
    expect((await up.tasks('/warm')).map(({ id }) => id)).toEqual(
      expect.arrayContaining(old.map(({ id }) => id)),
    );

    writeFileSync(second, '');
    await up.deploymentEnded(change.deploymentId);
    await until('the new version to answer', () =>
      [...traffic.seen.keys()].some((text) => text.startsWith('2 ')),
    );
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect((await answers()).map(({ ready }) => ready)).toEqual([true, true]);
  }, 180_000);

  it('shows the result of its check with each task', async () => {
    await until('a result of both', async () => {
      const { tasks } = await up.api.get<{ tasks: { checkResult?: unknown }[] }>('/v2/apps/warm/tasks');
      const results = tasks.map(({ checkResult }) => JSON.stringify(checkResult));
      return results.length === 2 && results.every((each) => each === '{"tcp":{"succeeded":true}}');
    });
  }, 60_000);
});
