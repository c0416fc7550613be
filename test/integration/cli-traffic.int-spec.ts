// `longrun traffic` as a process against a real control plane on Postgres: that it keeps the pins that a person did not name, and what it
// says of what is refused, also for want of credentials.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Agent } from '#libs/agent-core';
import { FakeRuntime, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { compileCli, runCli, type CliRun } from './cli-process.js';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(120_000);

interface Traffic {
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
  readonly pins: readonly object[];
  readonly versions: readonly {
    readonly version: string;
    readonly current: boolean;
    readonly routed: number;
    readonly instances: number;
  }[];
}

let folder: string;
let client: string;
let database: TempDatabase;
let plane: ControlPlaneProcess;
let agent: Agent;

const traffic = async (): Promise<Traffic> =>
  (await plane.send('GET', '/v3/apps/web/traffic')).body as Traffic;
const longrun = (...args: readonly string[]): Promise<CliRun> => runCli(client, ...args, '--url', plane.url);

beforeAll(() => {
  folder = compileControlPlane();
  client = compileCli();
});
afterAll(() => [folder, client].forEach(removeFolder));

describe('longrun traffic', () => {
  let old: string;
  let fresh: string;

  /** Two versions that serve, held apart by shares. */
  beforeEach(async () => {
    database = await tempDatabase();
    plane = await ControlPlaneProcess.start(folder, database.url);
    const resources = { cpus: 8, mem: 8_000, disk: 8_000, ports: [{ from: 41_400, to: 41_450 }] };
    const success = { kind: 'success' } as const;
    const probes = {
      http: () => Promise.resolve(success),
      tcp: () => Promise.resolve(success),
      ask: () =>
        Promise.resolve({ kind: 'answer', status: 200, contentType: 'text/plain', body: '' } as const),
    };
    const runtime = new FakeRuntime(new SystemClock(), 'process');
    agent = await startFakeRuntimeAgent(
      plane.url,
      'agent-token',
      { hostname: 'host-1', resources },
      { probes, runtime },
    );
    const app = { id: '/web', cmd: 'serve 1', cpus: 0.1, mem: 16, instances: 1 };
    const labels = { 'longrun.io/min-ready-seconds': '0' };
    await plane.send('POST', '/v2/apps', { ...app, labels });
    await until('the app to serve', async () => (await traffic()).versions[0]?.routed === 1);
    expect((await longrun('traffic', 'web', 'current=100')).code).toBe(0);
    await plane.send('PUT', '/v2/apps/web', { cmd: 'serve 2' });
    const { versions } = await until('both versions', async () => {
      const now = await traffic();
      return now.versions.length === 2 && now.versions.every(({ routed }) => routed === 1) && now;
    });
    [old = '', fresh = ''] = versions.map(({ version }) => version).sort();
  });
  afterEach(async () => {
    await agent.close();
    await plane.end('SIGKILL');
    await database.drop();
  });

  const pinned = (version: string): object => ({ by: 'header', name: 'x-canary', value: 'yes', version });
  const tried = (...more: string[]): Promise<CliRun> =>
    longrun('traffic', 'web', ...more, '--pin', 'header:X-Canary=yes=new');

  it('keeps the pins while shares change, until others are given or --no-pins', async () => {
    const first = await tried('old=100', 'new=0');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain(`pin: header x-canary=yes goes to ${fresh}`);
    const shared = await longrun('traffic', 'web', 'old=90', 'new=10');
    expect(shared).toMatchObject({ code: 0, err: '' });
    expect(shared.out).toContain(`pin: header x-canary=yes goes to ${fresh}`);
    expect(await traffic()).toMatchObject({
      shares: [
        { version: old, weight: 90 },
        { version: fresh, weight: 10 },
      ],
      pins: [pinned(fresh)],
    });
    await longrun('traffic', 'web', 'old=80', 'new=20', '--pin', 'cookie:canary=1=old');
    expect((await traffic()).pins).toEqual([{ by: 'cookie', name: 'canary', value: '1', version: old }]);
    expect(await longrun('traffic', 'web', 'old=70', 'new=30', '--no-pins')).toMatchObject({ code: 0 });
    expect(await traffic()).toMatchObject({ shares: [{ weight: 70 }, { weight: 30 }], pins: [] });
  });

  it('says which pin goes because its version has gone', async () => {
    expect((await tried('old=100', 'new=0')).code).toBe(0);
    // a third version takes the place of the one that is pinned and has no weight
    expect((await plane.send('PUT', '/v2/apps/web?force=true', { cmd: 'serve 3' })).status).toBe(200);
    await until('the pinned version to end', async () => {
      const { versions } = await traffic();
      return (
        versions.some(({ version, instances }) => version === fresh && instances === 0) &&
        versions.some(({ current, routed }) => current && routed === 1)
      );
    });
    expect((await traffic()).pins).toEqual([pinned(fresh)]);
    const shared = await longrun('traffic', 'web', 'old=90', 'new=10');
    expect(shared).toMatchObject({ code: 0 });
    expect(shared.err).toContain(`the pin by header x-canary goes, for version ${fresh} has no instances`);
    expect(await traffic()).toMatchObject({ shares: [{ weight: 90 }, { weight: 10 }], pins: [] });
  });

  it('names what is wrong as it was written, and no call of the API', async () => {
    const before = await traffic();
    const refused: [args: string[], code: number, words: RegExp][] = [
      [['old=0', 'new=0'], 1, /nothing is changed:\n.*old=0 new=0: the weights add up to 0.*--reset/],
      [['old=1', '2020-01-01T00:00:00.000Z=1'], 1, /2020-01-01T00:00:00\.000Z=1: .*there are: 2/],
      [['old=1001', 'new=0'], 1, /old=1001: must be a whole number from 0 to 1000/],
      [['old=1', '--pin', 'header:A B=x=new'], 1, /--pin header:A B=x=new: must be the name of a header/],
      [['--no-pins'], 2, /--no-pins needs shares beside it/],
      [['old=1', '--no-pins', '--pin', 'header:A=x=new'], 2, /leave --pin out/],
      [['--reset', 'old=1'], 2, /--reset takes all shares and pins back/],
      [['--pin', 'header:A=x=new'], 2, /a pin needs shares beside it/],
    ];
    for (const [args, code, words] of refused) {
      const run = await longrun('traffic', 'web', ...args);
      expect([args, run.code, run.err]).toEqual([args, code, expect.stringMatching(words)]);
      expect(run.err).not.toMatch(/\b(PUT|DELETE|GET)\b|\/v3\/|\/shares/);
    }
    expect(await traffic()).toMatchObject({ shares: before.shares, pins: before.pins });
    const held = await longrun('explain', 'web');
    expect(held.out.replace(/\s+/g, ' ')).toContain('"longrun traffic /web --reset"');
    expect(await longrun('traffic', 'web', '--reset')).toMatchObject({ code: 0, err: '' });
    expect((await traffic()).shares).toEqual([]);
  });
});

describe('without the right credentials', () => {
  let files: string;
  beforeAll(async () => {
    files = mkdtempSync(join(tmpdir(), 'longrun-auth-'));
    const auth = join(files, 'users');
    writeFileSync(auth, 'ann:secret-word\n', { mode: 0o600 });
    database = await tempDatabase();
    plane = await ControlPlaneProcess.start(folder, database.url, { LONGRUN_AUTH: auth });
  });
  afterAll(async () => {
    await plane.end('SIGKILL');
    await database.drop();
    removeFolder(files);
  });

  it('a person is told how the command takes them', async () => {
    const missing = await longrun('apps');
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/Credentials are missing or wrong\. .*LONGRUN_CREDENTIALS.*--credentials/);
    const wrong = await longrun('apps', '--credentials', 'ann:other-word');
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining(missing.err)]);
    expect(await longrun('apps', '--credentials', 'ann:secret-word')).toMatchObject({ code: 0 });
  });

  it('a proxy and an agent are told where their token is', async () => {
    const report = { address: 'x', epoch: 0, confirmed: { epoch: 0, number: 0 }, inFlight: {}, warnings: [] };
    const asked = (authorization?: string) =>
      plane.send('POST', '/v3/proxies/p1', report, authorization === undefined ? {} : { authorization });
    for (const authorization of [
      undefined,
      'Bearer',
      'Bearer wrong-token',
      'Bearer agent-token',
      'Basic x',
    ]) {
      const { status, body } = await asked(authorization);
      expect([authorization, status, body]).toEqual([
        authorization,
        401,
        {
          message:
            'The token is missing or is not that of proxies. Give it by --token-file or LONGRUN_TOKEN: the one that the control plane ' +
            'got by --proxy-token-file; with "longrun up" the member "proxy" of tokens.json in its --data-dir.',
        },
      ]);
    }
    expect((await asked('Bearer proxy-token')).status).toBe(200);
    expect((await plane.send('GET', '/v3/routes')).body).toMatchObject({
      message: expect.stringContaining('that of proxies') as unknown,
    });
  });
});
