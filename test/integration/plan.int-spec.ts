// A plan against what then happens: a real control plane with Postgres, three real agents whose tasks come up at once, and the command
// line. Each change is planned, carried out, and read back from the events: who started where, who stopped, in which order, and the peak.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Agent } from '#libs/agent-core';
import type { ChangePlan, PlannedWave } from '#libs/api-contract';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileCli, runCli, type CliRun } from './cli-process.js';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(240_000);

interface PlanAnswer {
  readonly steps: readonly {
    readonly actions: readonly { readonly action: string; readonly app: string }[];
  }[];
  readonly plan: ChangePlan;
}

let folder: string;
let client: string;
let database: TempDatabase;
let server: ControlPlaneProcess;
let agents: Agent[];
let events: pg.Client;

beforeAll(async () => {
  folder = compileControlPlane();
  client = compileCli();
  database = await tempDatabase();
  server = await ControlPlaneProcess.start(folder, database.url);
  const host = (index: number) => ({
    hostname: `host-${index}`,
    resources: {
      cpus: 4,
      mem: 4_000,
      disk: 4_000,
      ports: [{ from: 30_000 + index * 100, to: 30_099 + index * 100 }],
    },
  });
  agents = await Promise.all(
    [1, 2, 3].map((index) => startFakeRuntimeAgent(server.url, 'agent-token', host(index))),
  );
  await until('all agents', async () => {
    const { agents: known } = await done<{ agents: readonly { runtimes: readonly string[] }[] }>(
      'GET',
      '/v3/agents',
    );
    return known.length === 3 && known.every(({ runtimes }) => runtimes.includes('process'));
  });
  events = new pg.Client(database.url);
  await events.connect();
});
afterAll(async () => {
  await Promise.all(agents.map((each) => each.close()));
  await events.end();
  await server.end('SIGKILL');
  await database.drop();
  removeFolder(folder);
  removeFolder(client);
});

async function done<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await server.send(method, path, body);
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as T;
}
const settled = (deploymentId: string): Promise<string> =>
  until(`deployment ${deploymentId} to end`, async () => {
    const { status } = await done<{ status: string }>('GET', `/v3/deployments/${deploymentId}`);
    return status === 'running' ? undefined : status;
  });
const longrun = (...args: readonly string[]): Promise<CliRun> => runCli(client, ...args, '--url', server.url);

const newestEvent = async (): Promise<number> => {
  const { rows } = await events.query<{ newest: string }>(
    'select coalesce(max(number), 0) as newest from events',
  );
  return Number(rows[0]?.newest);
};

interface Deed {
  readonly kind: 'start' | 'stop' | 'gone';
  readonly app: string;
  readonly agent: string;
  readonly instance: string;
}
const KINDS: Readonly<Record<string, Deed['kind']>> = {
  Provisioned: 'start',
  Killing: 'stop',
  Killed: 'gone',
};

async function deedsAfter(number: number): Promise<readonly Deed[]> {
  const { rows } = await events.query<{ payload: Readonly<Record<string, string>> }>(
    "select payload from events where number > $1 and type = 'instance_changed_event' order by number",
    [number],
  );
  return rows.flatMap(({ payload }) => {
    const kind = KINDS[payload['condition'] ?? ''];
    const { runSpecId: app = '', agentId: agent = '', instanceId: instance = '' } = payload;
    return kind ? [{ kind, app, agent, instance }] : [];
  });
}

/** Starts by app and agent, stops by instance; sorted, for within a wave there is no order. */
const words = (deeds: readonly Deed[]): readonly string[] =>
  deeds
    .map(({ kind, app, agent, instance }) =>
      kind === 'start' ? `start ${app} on ${agent}` : `stop ${instance}`,
    )
    .sort();
const planned = ({ starts, stops }: PlannedWave): readonly string[] =>
  [
    ...starts.flatMap(({ appId, agentId, instances }) =>
      Array.from({ length: instances }, () => `start ${appId} on ${agentId}`),
    ),
    ...stops.flatMap(({ instanceIds }) => instanceIds.map((id) => `stop ${id}`)),
  ].sort();

/** What happened, cut into pieces as long as the planned waves. */
function inWaves(deeds: readonly Deed[], waves: readonly PlannedWave[]): readonly (readonly string[])[] {
  const left = deeds.filter(({ kind }) => kind !== 'gone');
  const pieces = waves.map((wave) => words(left.splice(0, planned(wave).length)));
  return left.length ? [...pieces, words(left)] : pieces;
}

/** The most tasks beyond those at the beginning, at one time. */
function mostAtOnce(deeds: readonly Deed[]): number {
  let [now, most] = [0, 0];
  for (const { kind } of deeds) {
    now += kind === 'start' ? 1 : kind === 'gone' ? -1 : 0;
    most = Math.max(most, now);
  }
  return most;
}

const label = { 'longrun.io/min-ready-seconds': '0' };
const app = (id: string, more: object = {}) => ({
  id,
  cmd: 'serve',
  cpus: 0.5,
  mem: 100,
  instances: 4,
  labels: label,
  ...more,
});
const DB = app('/shop/db', { instances: 2, cpus: 1 });
const WEB = app('/shop/web', {
  dependencies: ['/shop/db'],
  upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.25 },
});

/** In this order: each begins where the one before ended. */
const CHANGES: readonly (readonly [string, readonly object[]])[] = [
  ['two apps, the one after the other', [WEB, DB]],
  ['a rollout one by one', [{ ...WEB, cmd: 'serve --better', mem: 150 }]],
  ['more instances', [{ ...WEB, cmd: 'serve --better', mem: 150, instances: 7 }]],
  ['fewer instances', [{ ...WEB, cmd: 'serve --better', mem: 150, instances: 2 }]],
  [
    'a rollout of all at once, with its dependency',
    [
      {
        ...WEB,
        cmd: 'serve --again',
        instances: 2,
        upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
      },
      { ...DB, cpus: 0.75 },
    ],
  ],
];

describe('a plan by POST /v3/plan', () => {
  it.each(CHANGES)('is what happens: %s', async (_, body) => {
    const { plan, steps } = await done<PlanAnswer>('POST', '/v3/plan?partialUpdate=false', body);
    expect(plan).toMatchObject({ fits: true, outcome: { kind: 'succeeds' }, alsoMoving: [] });
    const before = await newestEvent();
    const { deploymentId } = await done<{ deploymentId: string }>(
      'PUT',
      '/v2/apps?partialUpdate=false',
      body,
    );
    expect(await settled(deploymentId)).toBe('succeeded');
    const story = await done<Pick<PlanAnswer, 'steps'>>('GET', `/v3/deployments/${deploymentId}`);
    expect(story.steps).toEqual(steps);
    const deeds = await deedsAfter(before);
    expect(plan.waves.map(({ certain }) => certain)).toEqual(plan.waves.map(() => true));
    expect(inWaves(deeds, plan.waves)).toEqual(plan.waves.map(planned));
    expect(mostAtOnce(deeds)).toBe(plan.peak.instances);
  });

  it('keeps its other promises where several instances come up at once', async () => {
    const spread = app('/shop/spread', {
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.5 },
    });
    const first = await done<{ deploymentId: string }>('PUT', '/v2/apps?partialUpdate=false', [spread]);
    await settled(first.deploymentId);
    const body = [{ ...spread, cmd: 'serve --better' }];
    const { plan } = await done<PlanAnswer>('POST', '/v3/plan?partialUpdate=false', body);
    const before = await newestEvent();
    const { deploymentId } = await done<{ deploymentId: string }>(
      'PUT',
      '/v2/apps?partialUpdate=false',
      body,
    );
    expect(await settled(deploymentId)).toBe('succeeded');
    const deeds = await deedsAfter(before);
    expect(plan.apps).toMatchObject([{ starts: 4, stops: 4, floor: 2 }]);
    expect(plan.waves.some(({ certain }) => !certain)).toBe(true);
    const stops = plan.waves.flatMap((wave) => wave.stops.flatMap(({ instanceIds }) => instanceIds));
    expect(
      deeds
        .filter(({ kind }) => kind === 'stop')
        .map(({ instance }) => instance)
        .sort(),
    ).toEqual([...stops].sort());
    expect(deeds.filter(({ kind }) => kind === 'start')).toHaveLength(4);
    expect(mostAtOnce(deeds)).toBeLessThanOrEqual(plan.peak.instances);
    const [wave] = plan.waves;
    expect(inWaves(deeds, plan.waves)[0]).toEqual(wave && planned(wave));
  });

  it('says no to what then indeed finds no place', async () => {
    const body = [{ ...WEB, cmd: 'serve --large', instances: 2, cpus: 4.5 }];
    const { plan } = await done<PlanAnswer>('POST', '/v3/plan?partialUpdate=false', body);
    expect(plan).toMatchObject({
      fits: false,
      outcome: { kind: 'fails', rolledBack: true },
      problems: [{ appId: '/shop/web', instances: 1 }],
    });
    expect(plan.problems[0]?.agents.map(({ hostname }) => hostname).sort()).toEqual([
      'host-1',
      'host-2',
      'host-3',
    ]);
    const { deploymentId } = await done<{ deploymentId: string }>(
      'PUT',
      '/v2/apps?partialUpdate=false',
      body,
    );
    const waiting = await until('an instance without a place', async () => {
      const { missing } = await done<{ missing: number }>('GET', '/v3/apps/shop/web/waiting');
      return missing || undefined;
    });
    expect(waiting).toBe(plan.problems[0]?.instances);
    const back = await done<{ deploymentId: string }>('DELETE', `/v2/deployments/${deploymentId}`);
    await settled(back.deploymentId);
  });

  it('takes an update of groups as well, and refuses what the change would be refused for', async () => {
    const group = { id: '/shop', apps: [DB], groups: [] };
    const { plan, steps } = await done<PlanAnswer>('POST', '/v3/plan', group);
    expect(
      plan.diff.apps
        .filter(({ effect }) => effect === 'removed')
        .map(({ appId }) => appId)
        .sort(),
    ).toEqual(['/shop/spread', '/shop/web']);
    // Marathon's own dry run keeps Marathon's answer
    expect(await done('PUT', '/v2/groups?dryRun=true', group)).toEqual({ steps });
    expect((await server.send('POST', '/v3/plan', [{ id: '/shop/web', cpus: 'many' }])).status).toBe(422);
    expect(
      (await server.send('POST', '/v3/plan', [{ id: '/shop/web', version: '2020-01-01T00:00:00.000Z' }]))
        .status,
    ).toBe(404);
  });

  it('warns of what would have no effect, and of a host that is taken from another app', async () => {
    const labels = { HAPROXY_0_VHOST: 'taken.example' };
    const idle = { cmd: 'serve', instances: 0 };
    const { deploymentId } = await done<{ deploymentId: string }>('PUT', '/v2/apps//old', {
      ...idle,
      labels,
    });
    expect(await settled(deploymentId)).toBe('succeeded');
    const warned = async (id: string, more: object) => {
      const asked = [{ id, ...idle, labels: { ...labels, ...more } }];
      const { plan } = await done<PlanAnswer>('POST', '/v3/plan', asked);
      return plan.warnings?.map(({ appId, text }) => `${appId}: ${text}`);
    };
    expect(await warned('/new', { HAPROXY_0_VHOTS: 'x' })).toEqual([
      expect.stringMatching(/^\/new: no request by taken.example comes to port 0: port 0 of \/old has/),
      expect.stringMatching(/^\/new: HAPROXY_0_VHOTS: no effect/),
    ]);
    expect(await warned('/new', { 'longrun.io/0/match-weight': '5' })).toContainEqual(
      expect.stringMatching(/^\/old: no request by taken.example comes to port 0: port 0 of \/new/),
    );
    expect(await warned('/old', {})).toEqual([]);
  });

  it('comes with every other dry run', async () => {
    const { plan } = await done<PlanAnswer>('POST', '/v2/apps/shop/db/restart?dryRun=true');
    expect(plan).toMatchObject({
      fits: true,
      diff: { apps: [{ appId: '/shop/db', effect: 'replaced', changes: [] }] },
    });
    expect((await done<PlanAnswer>('DELETE', '/v2/apps/shop/db?dryRun=true')).plan.apps).toMatchObject([
      { stops: 2 },
    ]);
  });
});

describe('longrun plan', () => {
  const file = (content: object): string => {
    const path = join(client, 'app.json');
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  it('shows what differs and what would happen, keeps secrets back, and changes nothing', async () => {
    const secret = app('/shop/secret', { instances: 1, env: { TOKEN: 'old-secret', MODE: 'a' } });
    const { deploymentId } = await done<{ deploymentId: string }>('PUT', '/v2/apps?partialUpdate=false', [
      secret,
    ]);
    await settled(deploymentId);
    const path = file({ ...secret, cpus: 0.75, env: { TOKEN: 'new-secret', MODE: 'a' } });
    const shown = await longrun('plan', path);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toMatch(/^~ \/shop\/secret: all instances are replaced\n/);
    expect(shown.out).toContain('~ /cpus: 0.5 -> 0.75');
    expect(shown.out).toContain('~ /env/TOKEN: (changed)');
    expect(shown.out).toMatch(
      /step 1: RestartApplication \/shop\/secret\n {2}start 1 \/shop\/secret on host-\d\n {2}then stop 1/,
    );
    expect(shown.out).not.toMatch(/secret"|-secret/);
    expect((await longrun('plan', path, '--json')).out).not.toContain('-secret');
    expect((await longrun('plan', path, '--show-env')).out).toContain(
      '~ /env/TOKEN: old-secret -> new-secret',
    );
    expect((await longrun('deploy', path, '--dry-run')).out).toBe(shown.out);
    const { app: after } = await done<{ app: { cpus: number } }>('GET', '/v2/apps/shop/secret');
    expect(after.cpus).toBe(0.5);
  });

  it('ends with 5 when it does not fit, with what is missing and what would help', async () => {
    const gone = await done<{ deploymentId: string }>('DELETE', '/v2/groups/shop?force=true');
    expect(await settled(gone.deploymentId)).toBe('succeeded');
    const full = app('/full', { cpus: 2.5, instances: 2, constraints: [['hostname', 'LIKE', 'host-[12]']] });
    const { deploymentId } = await done<{ deploymentId: string }>('PUT', '/v2/apps?partialUpdate=false', [
      full,
    ]);
    expect(await settled(deploymentId)).toBe('succeeded');
    const { code, out } = await longrun('plan', file({ ...full, cmd: 'serve --new' }));
    expect(code).toBe(5);
    expect(out).toContain('does NOT fit: /full: 2 instances find no place on any agent');
    expect(out).toMatch(/host-1: .*cpus/);
    expect(out).toMatch(/It would fit with minimumHealthCapacity 0\.5 and maximumOverCapacity 0/);
    expect((await longrun('plan', file({ id: '/full', cpus: 'x' }))).code).toBe(1);
    expect((await longrun('plan', join(client, 'no-such-file'))).code).toBe(2);
  });
});
