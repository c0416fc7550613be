// What the suite of all engines cannot see of HAProxy's way to leave targets out and to bound what is sent again: that it is counted once,
// stays over a reload, and holds where HAProxy itself repeats by status.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HaproxyEngine, type HaproxyEngineOptions } from '#libs/haproxy-engine';
import type { RoutePolicy, RouteService } from '#libs/routing';
import {
  ask,
  aService,
  aTable,
  aTarget,
  canFakeTime,
  freePort,
  listen,
  until,
  WallClock,
} from '#libs/testkit';
import { SystemClock } from '#libs/time';

const describeHere = spawnSync('haproxy', ['-v']).status === 0 ? describe : describe.skip;
const itWithClock = canFakeTime ? it : it.skip;
/** Stands for a target that ends the connection. */
const CUT = 0;

describeHere('failed answers with HAProxy', () => {
  let folder: string;
  let port: number;
  let engines: HaproxyEngine[];
  let servers: Server[];
  let left: string[];
  /** Sound answers that were counted. */
  let told: number;
  let statuses: Map<string, number>;
  let seen: Map<string, number>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
    port = await freePort();
    [engines, servers, left, told, statuses, seen] = [[], [], [], 0, new Map(), new Map()];
  });
  afterEach(async () => {
    for (const engine of engines) await engine.stop(0);
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const engineHere = async (more: Partial<HaproxyEngineOptions> = {}): Promise<HaproxyEngine> => {
    const engine = new HaproxyEngine({
      clock: new SystemClock(),
      bind: '127.0.0.1',
      port,
      appPaths: false,
      folder,
      threads: 2,
      onCounted: (_service, target, { ejections, byClass }) => {
        told += byClass[1];
        for (let nth = 0; nth < ejections; nth += 1) left.push(target?.taskId ?? '');
      },
      ...more,
    });
    engines.push(engine);
    await engine.start();
    return engine;
  };
  /** Each with the status that stands for it. */
  const withTasks = async (
    tasks: Record<string, number>,
    policy: RoutePolicy,
    more: Partial<RouteService> = {},
  ): Promise<RouteService> => {
    const targets = await Promise.all(
      Object.entries(tasks).map(async ([name, status]) => {
        statuses.set(name, status);
        const server = createServer((_req, res) => {
          seen.set(name, (seen.get(name) ?? 0) + 1);
          const said = statuses.get(name) ?? 200;
          if (said === CUT) res.destroy();
          else res.writeHead(said).end(name);
        });
        servers.push(server);
        return aTarget(name, await listen(server));
      }),
    );
    return aService([], { mode: 'http', targets, emptyReason: '', policy, ...more });
  };
  const tally = async (count: number): Promise<Record<string, number>> => {
    const answers: Record<string, number> = {};
    for (let turn = 0; turn < count; turn += 1) {
      const { status, text } = await ask({ port });
      answers[`${status} ${text}`] = (answers[`${status} ${text}`] ?? 0) + 1;
    }
    return answers;
  };

  it('tells once of a target that it left out, keeps it out over a reload, and takes it back in the next run', async () => {
    const engine = await engineHere();
    const policy: RoutePolicy = { balance: { by: 'round-robin' }, ejection: { ms: 60_000 } };
    const service = await withTasks({ a: 200, b: 200, bad: 504 }, policy);
    await engine.swap(aTable(1, service));
    await until('it to be left out', async () => !('504 bad' in (await tally(12))));
    // HAProxy counts maintenance as if it had been found down: two looks at all counters later it was still told once
    for (const turn of [1, 2]) {
      const [before, looks] = [told, turn * 5];
      await tally(looks);
      await until('the counters to be told', () => told >= before + looks);
    }
    expect(left).toEqual(['bad']);
    expect(engine.standings()).toMatchObject([{ taskId: 'bad', leftOut: 1 }]);
    await engine.swap(aTable(2, { ...service, hosts: ['web.example', 'more.example'] }));
    expect(await tally(12)).toEqual({ '200 a': 6, '200 b': 6 });
    expect(engine.warnings()).toEqual([]);
    const next = await engineHere();
    await next.swap(aTable(2, { ...service, hosts: ['web.example', 'more.example'] }));
    expect(Object.keys(await tally(12)).sort()).toEqual(['200 a', '200 b', '504 bad']);
  }, 60_000);

  it('passes answers on that would be asked about again when the budget is used up', async () => {
    const engine = await engineHere();
    const policy: RoutePolicy = {
      balance: { by: 'round-robin' },
      retries: { on: [503], budgetPercent: 0 },
      ejection: { failures: 0 },
    };
    const service = await withTasks({ a: 503, b: 503, c: 503 }, policy);
    await engine.swap(aTable(1, service));
    const count = 40;
    expect(Object.values(await tally(count)).reduce((sum, each) => sum + each)).toBe(count);
    const repeats = [...seen.values()].reduce((sum, each) => sum + each) - count;
    // the request with which the budget is used up goes on to its third target
    expect([10, 11, 12]).toContain(repeats);
    for (const name of statuses.keys()) statuses.set(name, 200);
    expect(Object.keys(await tally(9)).sort()).toEqual(['200 a', '200 b', '200 c']);
  }, 60_000);

  itWithClock(
    'sends requests again by the same budget when the wall clock was set back while it was used up',
    async () => {
      const wall = new WallClock(join(folder, 'offset'));
      const program = join(folder, 'haproxy-elsewhen');
      const variables = Object.entries(wall.environment).map(
        ([name, value]) => `export ${name}='${value}'\n`,
      );
      writeFileSync(program, `#!/bin/sh\n${variables.join('')}exec haproxy "$@"\n`, { mode: 0o755 });
      const engine = await engineHere({ program });
      const policy: RoutePolicy = { balance: { by: 'round-robin' }, ejection: { failures: 0 } };
      await engine.swap(aTable(1, await withTasks({ a: CUT, b: CUT, c: CUT }, policy)));
      const repeats = async (count: number): Promise<number> => {
        const asked = (): number => [...seen.values()].reduce((sum, each) => sum + each, 0);
        const before = asked();
        await tally(count);
        return asked() - before - count;
      };
      expect(await repeats(40)).toBeGreaterThanOrEqual(10);
      wall.set(-3_600);
      let again = 0;
      await until('several to be sent again', async () => (again += await repeats(10)) >= 5);
    },
    60_000,
  );
});
