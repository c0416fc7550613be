// The Postgres store against the suite, on real Postgres, with a real network that breaks; and what only it has.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { migrate, PostgresStore, SchemaMismatch } from '#libs/persistence';
import { asAppId, timestampOf } from '#libs/model';
import { EVENTS_KEPT_MS, MemoryStore } from '#libs/store';
import type { Store } from '#libs/store';
import {
  arbitraryCommit,
  commitConformance,
  expectSameBehaviour,
  faultConformance,
  historyConformance,
  leadershipConformance,
  reasonConformance,
} from '#libs/store-conformance';
import type { StoreBench } from '#libs/store-conformance';
import { silentLogger } from '#libs/telemetry';
import { ManualClock, randomIds } from '#libs/time';
import { anAppSpec, aVersion, tempDatabase } from '#libs/testkit';
import type { TempDatabase } from '#libs/testkit';
import { MIGRATIONS, ReviewedMigration } from '#migrations';
import { StoreRelay } from './store-relay.js';

// The first database of a worker makes a whole Postgres, on a machine that may be busy.
jest.setTimeout(60_000);

async function run(url: string, statement: string, values: unknown[] = []): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}

async function newBench(): Promise<StoreBench> {
  const database = await tempDatabase();
  const relay = new StoreRelay(database.url);
  const stores: Store[] = [];
  const connect = async (url: string): Promise<Store> => {
    const store = await PostgresStore.connect({ url, poolSize: 3 });
    stores.push(store);
    return store;
  };
  await relay.listen();
  return {
    open: () => connect(database.url),
    openFragile: async () => ({
      store: await connect(relay.urlFor(database.url)),
      loseNextAnswer: () => relay.swallowNextCommitAnswer(),
      setReachable: (reachable) => (reachable ? relay.listen() : relay.cut()),
    }),
    passTime: async (ms) => {
      await run(database.url, `update leader set until = until - $1 * interval '1 millisecond'`, [ms]);
    },
    close: async () => {
      for (const store of stores) await store.close();
      await relay.cut();
      await database.drop();
    },
  };
}

describe('PostgresStore', () => {
  leadershipConformance(newBench);
  commitConformance(newBench);
  historyConformance(newBench);
  reasonConformance(newBench);
  faultConformance(newBench);

  it('answers and holds the same as the memory store, whatever the commits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryCommit, { minLength: 1, maxLength: 12 }), async (commits) => {
        const bench = await newBench();
        try {
          const postgres = await bench.open();
          const memory = new MemoryStore({ clock: new ManualClock(), ids: randomIds });
          for (const store of [postgres, memory]) await store.campaign('a', 'a:1', 600_000);
          await expectSameBehaviour(postgres, memory, commits);
        } finally {
          await bench.close();
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 120_000);
});

describe('a database', () => {
  let database: TempDatabase;
  beforeEach(async () => {
    database = await tempDatabase();
  });
  afterEach(() => database.drop());

  const emptied = () => run(database.url, 'drop schema public cascade; create schema public');

  it('is migrated from empty by many processes at once, and by one of them only', async () => {
    await emptied();
    const stores = await Promise.all(
      Array.from({ length: 5 }, () => PostgresStore.connect({ url: database.url, poolSize: 1 })),
    );
    const changes = await run(
      database.url,
      'select number, compatibility from schema_changes order by number',
    );
    expect(changes).toEqual(
      MIGRATIONS.map((migration) => {
        const { number, compatibility } = new migration();
        return { number, compatibility };
      }),
    );
    expect(new Set(await Promise.all(stores.map((store) => store.clusterId()))).size).toBe(1);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('is refused when it lacks migrations and we were told not to apply them', async () => {
    await emptied();
    const connecting = PostgresStore.connect({ url: database.url, migrate: false });
    await expect(connecting).rejects.toBeInstanceOf(SchemaMismatch);
  });

  it('of the release without groups gets one for every id above an app, with the newest version below', async () => {
    await emptied();
    await migrate({ url: database.url, logger: silentLogger, migrations: MIGRATIONS.slice(0, 1) });
    const START = 1_700_000_000_000;
    const apps = { '/solo': 1, '/shop/web': 2, '/shop/back/db': 3, '/a.b/c-d': 4 };
    for (const [id, number] of Object.entries(apps)) {
      const current = aVersion(anAppSpec({ id: asAppId(id) }), START + number);
      const app = { id, current, removing: false, revision: 1 };
      const columns = [id, app.revision, current.version, JSON.stringify(app)];
      await run(database.url, 'insert into apps values ($1, $2, $3, $4)', columns);
    }
    const store = await PostgresStore.connect({ url: database.url });
    const { groups, apps: kept } = await store.load();
    expect(kept.map(({ id }) => id).sort()).toEqual(Object.keys(apps).sort());
    const row = (id: string, newest: number): object => ({
      id,
      dependencies: [],
      version: timestampOf(START + newest),
      enforceRole: false,
      revision: 1,
    });
    expect([...groups].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      row('/', 4),
      row('/a.b', 4),
      row('/shop', 3),
      row('/shop/back', 3),
    ]);
    // they are rows like any others: guarded by their revision
    await store.campaign('a', 'a:1', 600_000);
    const [root] = groups.filter(({ id }) => id === '/');
    const guards = [{ kind: 'group', id: asAppId('/'), revision: 1 }] as const;
    const writes = root ? [{ kind: 'put-group', group: { ...root, revision: 2 } } as const] : [];
    expect(await store.commit({ epoch: 1, guards, writes, events: [] })).toMatchObject({ kind: 'committed' });
    await store.close();
  });

  it('of the release without groups may be empty', async () => {
    await emptied();
    await migrate({ url: database.url, logger: silentLogger, migrations: MIGRATIONS.slice(0, 1) });
    const store = await PostgresStore.connect({ url: database.url });
    expect((await store.load()).groups).toEqual([]);
    await store.close();
  });

  class Later extends ReviewedMigration {
    readonly number: number = 999;
    readonly name: string = 'Later9999999999999';
    readonly compatibility: 'compatible' | 'breaking' = 'breaking';
    readonly statements = ['create table later (id int)'];
  }

  it('is refused by name when a newer release changed it in a breaking way', async () => {
    await migrate({ url: database.url, logger: silentLogger, migrations: [...MIGRATIONS, Later] });
    await expect(PostgresStore.connect({ url: database.url })).rejects.toThrow(
      /newer release \(Later9999999999999\)/,
    );
  });

  it('fences a leader at work when a newer release changes it in a breaking way, and refuses that leader its load', async () => {
    const store = await PostgresStore.connect({ url: database.url });
    await store.campaign('a', 'a:1', 600_000);
    await migrate({ url: database.url, logger: silentLogger, migrations: [...MIGRATIONS, Later] });
    const result = await store.commit({ epoch: 1, guards: [], writes: [], events: [] });
    expect(result).toEqual({ kind: 'fenced', epoch: 1 });
    await expect(store.load()).rejects.toThrow(SchemaMismatch);
    await store.close();
  });

  it('is accepted when a newer release changed it in a compatible way', async () => {
    class Compatible extends Later {
      override readonly compatibility = 'compatible';
    }
    await migrate({ url: database.url, logger: silentLogger, migrations: [...MIGRATIONS, Compatible] });
    const store = await PostgresStore.connect({ url: database.url });
    expect((await store.load()).eventNumber).toBe(0);
    await store.close();
  });

  it('forgets events older than 7 days, and says so to an older cursor', async () => {
    const store = await PostgresStore.connect({ url: database.url });
    await store.campaign('a', 'a:1', 600_000);
    const event = {
      type: 'app_terminated_event',
      timestamp: '2026-01-01T00:00:00.000Z' as never,
      payload: {},
    } as const;
    await store.commit({ epoch: 1, guards: [], writes: [], events: [event, event, event] });
    const age = `update events set recorded_at = recorded_at - $1 * interval '1 millisecond' where number <= 2`;
    await run(database.url, age, [EVENTS_KEPT_MS]);
    expect(await store.trimEvents()).toBe(2);
    expect(await store.trimEvents()).toBe(0);
    expect(await store.eventsAfter(1, 10)).toEqual({ kind: 'too-old', oldest: 3 });
    expect(await store.eventsAfter(2, 10)).toMatchObject({ kind: 'events', events: [{ number: 3 }] });
    await run(database.url, age.replace('<= 2', '<= 3'), [EVENTS_KEPT_MS]);
    expect(await store.trimEvents()).toBe(1);
    expect(await store.eventsAfter(0, 10)).toEqual({ kind: 'too-old', oldest: 4 });
    expect(await store.eventsAfter(3, 10)).toEqual({ kind: 'events', events: [] });
    await store.close();
  });

  it('renews its lease while its readers wait, and waits for a commit of its own for longer than anybody else does', async () => {
    const store = await PostgresStore.connect({ url: database.url, poolSize: 1 });
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    const renew = (): Promise<{ readonly epoch: number }> => store.campaign('me', '127.0.0.1:1', 10_000);
    const { epoch } = await renew();
    await other.query('begin; lock table deployments in access exclusive mode');
    const reading = store.history(1);
    expect(await renew()).toMatchObject({ epoch, holder: 'me' });
    await other.query('rollback; begin; select from leader for update');
    await reading;
    let isOver = false;
    const renewed = renew().finally(() => (isOver = true));
    await expect(store.commit({ epoch, guards: [], writes: [], events: [] })).rejects.toThrow('a lock was');
    expect(isOver).toBe(false);
    await other.query('rollback');
    expect(await renewed).toMatchObject({ epoch, holder: 'me' });
    await other.end();
    await store.close();
  });

  it('names the statement but no value when a statement is refused', async () => {
    const store = await PostgresStore.connect({ url: database.url });
    await run(database.url, 'alter table tokens add check (sha256 <> $$secret-value$$)');
    const thrown = await store.putToken('secret-value', 'agent').catch((error: Error) => error);
    expect(thrown).toMatchObject({
      name: 'StoreDefect',
      message: expect.stringContaining('put-token failed: SQLSTATE 23514'),
    });
    expect(String((thrown as Error).stack)).not.toContain('secret-value');
    await store.close();
  });
});
