// The embedded Postgres as real processes: as root under a folder of mode 700, as an ordinary user, after every kind of kill.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres } from '#libs/embedded-postgres';
import { PostgresStore } from '#libs/persistence';
import { identityOf } from '#libs/process-identity';
import { StoreUnavailable } from '#libs/store';
import { silentLogger } from '#libs/telemetry';
import { until } from '#libs/testkit';
import { makeClone, openInProcess } from './embedded-postgres-process.js';
import type { Owner } from './embedded-postgres-process.js';

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
const MINUTE = 60_000;

let folder: string;
let started: number[];
let owners: Owner[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-embedded-'));
  started = [];
  owners = [];
});
afterEach(async () => {
  for (const owner of owners) await owner.kill();
  for (const pid of started) if (identityOf(pid) !== null) process.kill(pid, 'SIGQUIT');
  for (const pid of started) await until(`end of Postgres ${pid}`, () => identityOf(pid) === null);
  rmSync(folder, { recursive: true, force: true });
});

async function open(
  options: Partial<Parameters<typeof EmbeddedPostgres.open>[0]> = {},
): Promise<EmbeddedPostgres> {
  const postgres = await EmbeddedPostgres.open({
    dataDir: join(folder, 'pg'),
    logger: silentLogger,
    ...options,
  });
  started.push(postgres.pid);
  return postgres;
}

async function ask(url: string, statement: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text: statement, rowMode: 'array' });
    return (rows as unknown[][])[0]?.[0];
  } finally {
    await client.end();
  }
}

async function openAs(...args: Parameters<typeof openInProcess>): Promise<Owner> {
  const owner = await openInProcess(...args);
  owners.push(owner);
  if (owner.opened.pid) started.push(owner.opened.pid);
  return owner;
}

/** The folders of an unprivileged user's Postgres; their parent goes too if it was made for them. */
function removePublicHome(home: string): void {
  rmSync(home, { recursive: true, force: true });
  execFileSync('rmdir', ['--ignore-fail-on-non-empty', '/var/lib/longrun']);
}

const userIn = (pid: number): string =>
  /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
const dataOf = (pid: number): string => readlinkSync(`/proc/${pid}/cwd`);

describe('embedded Postgres', () => {
  it(
    'starts on an empty folder with safe settings, keeps its rows over a stop, and is gone after it',
    async () => {
      const first = await open();
      expect(
        await ask(first.url, `select current_setting('server_encoding') || current_setting('fsync')`),
      ).toBe('UTF8on');
      expect(await ask(first.url, `select current_setting('listen_addresses')`)).toBe('');
      expect(await ask(first.url, 'select current_database()')).toBe('longrun');
      await ask(first.url, 'create table kept as select 7 as id');
      const exits: number[] = [];
      first.onExit(() => exits.push(1));
      await first.stop();
      expect(first.isAlive()).toBe(false);
      await until('the exit to be told', () => exits.length === 1);
      await first.stop();
      const second = await open();
      expect(second.takenOver).toBe(false);
      expect(await ask(second.url, 'select id from kept')).toBe(7);
      expect(statSync(join(folder, 'pg/socket')).mode & 0o777).toBe(0o700);
    },
    MINUTE,
  );

  it(
    'runs in a session of its own, out of reach of a terminal',
    async () => {
      const { pid } = await open();
      const [, , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      expect(Number(session)).toBe(pid);
    },
    MINUTE,
  );

  it(
    'takes a running one over without a restart after kill -9 of its owner',
    async () => {
      const main = makeClone(join(folder, 'clone'), 'linked');
      const owner = await openAs(main, { dataDir: join(folder, 'pg') });
      await owner.kill();
      const taken = await open();
      expect(taken).toMatchObject({ pid: owner.opened.pid, url: owner.opened.url, takenOver: true });
      expect(await ask(taken.url, 'select 1')).toBe(1);
      await taken.stop();
      expect(identityOf(owner.opened.pid)).toBeNull();
    },
    MINUTE,
  );

  it(
    'starts again at once after kill -9 of Postgres',
    async () => {
      const first = await open();
      await ask(first.url, 'create table kept as select 7 as id');
      process.kill(first.pid, 'SIGKILL');
      const second = await open();
      expect(second.pid).not.toBe(first.pid);
      expect(await ask(second.url, 'select id from kept')).toBe(7);
    },
    MINUTE,
  );

  it(
    "removes a lock file whose pid has become another process's, and only then",
    async () => {
      const first = await open();
      const lock = join(dataOf(first.pid), 'postmaster.pid');
      const lines = readFileSync(lock, 'utf8').split('\n');
      await first.stop();
      // this jest process: alive, of the same user, and no Postgres
      writeFileSync(lock, [process.pid, ...lines.slice(1)].join('\n'));
      const second = await open();
      expect(second.takenOver).toBe(false);
      expect(await ask(second.url, 'select 1')).toBe(1);
    },
    MINUTE,
  );

  it(
    'waits for one that is just ending and starts it anew',
    async () => {
      const first = await open();
      const lock = join(dataOf(first.pid), 'postmaster.pid');
      process.kill(first.pid, 'SIGINT');
      // until it has taken notice nobody can tell
      await until(
        'it to be ending',
        () => !existsSync(lock) || !/ready\s*$/.test(readFileSync(lock, 'utf8')),
      );
      const second = await open();
      expect(await ask(second.url, 'select 1')).toBe(1);
      expect(second.isAlive()).toBe(true);
    },
    MINUTE,
  );

  it(
    'starts over when a kill interrupted the making of the cluster',
    async () => {
      mkdirSync(join(folder, 'pg/data.new/base'), { recursive: true });
      writeFileSync(join(folder, 'pg/data.new/PG_VERSION'), '18\n');
      expect(await ask((await open()).url, 'select 1')).toBe(1);
    },
    MINUTE,
  );

  it(
    'refuses data of another major version and says what to do',
    async () => {
      mkdirSync(join(folder, 'pg/data'), { recursive: true });
      writeFileSync(join(folder, 'pg/data/PG_VERSION'), '16\n');
      await expect(open()).rejects.toThrow(/PostgreSQL 16 data.*pg_dumpall.*DATABASE_URL/s);
    },
    MINUTE,
  );

  it(
    'says what Postgres said when it cannot start, without retrying for long',
    async () => {
      const first = await open();
      const data = dataOf(first.pid);
      await first.stop();
      writeFileSync(join(data, 'postgresql.conf'), 'no_such_setting = 1\n');
      await expect(open()).rejects.toThrow(/no_such_setting/);
    },
    MINUTE,
  );

  it(
    'puts the socket of a deep data folder into the runtime folder',
    async () => {
      const dataDir = join(folder, ...Array.from({ length: 6 }, () => 'a-rather-long-folder-name'));
      const postgres = await open({ dataDir, runtimeDir: folder });
      const socketDir = new URL(postgres.url).searchParams.get('host') ?? '';
      expect(socketDir.startsWith(`${folder}/longrun-`)).toBe(true);
      expect(await ask(postgres.url, 'select 1')).toBe(1);
    },
    MINUTE,
  );

  it(
    'keeps every acknowledged commit over kill -9 of Postgres, again and again',
    async () => {
      const dataDir = join(folder, 'pg');
      const acknowledged: number[] = [];
      let postgres = await open();
      const store = await PostgresStore.connect({ url: postgres.url });
      await store.campaign('a', 'a:1', 10 * MINUTE);
      let killing = true;
      const event = (id: number) =>
        ({ type: 'app_terminated_event', timestamp: '' as never, payload: { id } }) as const;
      const committing = (async () => {
        for (let id = 1; killing; id += 1) {
          try {
            await store.commit({ epoch: 1, guards: [], writes: [], events: [event(id)] });
            acknowledged.push(id);
          } catch (error) {
            expect(error).toBeInstanceOf(StoreUnavailable);
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
      })();
      for (let round = 1; round <= 3; round += 1) {
        const before = acknowledged.length;
        await until('commits', () => acknowledged.length > before + 40);
        process.kill(postgres.pid, 'SIGKILL');
        postgres = await open({ dataDir });
      }
      killing = false;
      await committing;
      const page = await store.eventsAfter(0, 1_000_000);
      const stored = page.kind === 'events' ? page.events : [];
      const ids = new Set(stored.map((each) => each.payload['id']));
      expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
      expect(stored.map((each) => each.number)).toEqual(stored.map((_, index) => index + 1));
      await store.close();
    },
    2 * MINUTE,
  );
});

describe('embedded Postgres of root', () => {
  asRoot(
    'works with programs and data under a home that nobody else may enter, and makes the missing library links',
    async () => {
      const home = mkdtempSync(join(homedir(), '.longrun-test-'));
      try {
        chmodSync(home, 0o700);
        const main = makeClone(join(home, 'clone'), 'copied');
        const owner = await openAs(main, { dataDir: join(home, 'clone/.longrun/postgres') });
        expect(owner.opened).toMatchObject({ account: 'user-namespace', takenOver: false });
        expect(await ask(owner.opened.url, 'select 1')).toBe(1);
        expect(statSync(join(home, 'clone/.longrun/postgres/data')).uid).toBe(0);
        await owner.stop();
        expect(identityOf(owner.opened.pid)).toBeNull();
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    },
    MINUTE,
  );

  asRoot(
    'moves to an unprivileged user where namespaces are forbidden, takes existing rows along, and stays there',
    async () => {
      const first = await open({ account: 'user-namespace' });
      await ask(first.url, 'create table kept as select 7 as id');
      await first.stop();
      const second = await open({ account: 'other-user' });
      const home = dataOf(second.pid).replace(/\/data$/, '');
      try {
        expect(home).toMatch(/^\/var\/lib\/longrun\/[0-9a-f]{16}$/);
        expect(userIn(second.pid)).toBe('65534');
        expect(await ask(second.url, 'select id from kept')).toBe(7);
        const again = await open();
        expect(again).toMatchObject({ pid: second.pid, takenOver: true });
        await again.stop();
        const third = await open();
        expect(userIn(third.pid)).toBe('65534');
        await third.stop();
      } finally {
        removePublicHome(home);
      }
    },
    MINUTE,
  );

  asRoot(
    'starts fresh as an unprivileged user, also with everything of ours under a closed home',
    async () => {
      const home = mkdtempSync(join(homedir(), '.longrun-test-'));
      const main = makeClone(join(home, 'clone'), 'copied');
      const owner = await openAs(main, { dataDir: join(home, 'pg'), account: 'other-user' });
      const moved = JSON.parse(readFileSync(join(home, 'pg/location.json'), 'utf8')) as { postgres: string };
      try {
        expect(owner.opened.account).toBe('other-user');
        expect(await ask(owner.opened.url, 'select 1')).toBe(1);
        await owner.stop();
        expect(existsSync(join(moved.postgres, 'data/PG_VERSION'))).toBe(true);
      } finally {
        rmSync(home, { recursive: true, force: true });
        removePublicHome(moved.postgres);
      }
    },
    MINUTE,
  );

  asRoot(
    'lets an ordinary user run it plainly, and root take care of what that user made',
    async () => {
      chmodSync(folder, 0o755);
      const main = makeClone(join(folder, 'clone'), 'linked');
      const dataDir = join(folder, 'of-nobody');
      mkdirSync(dataDir);
      execFileSync('chown', ['65534:65534', dataDir]);
      const owner = await openAs(main, { dataDir }, NOBODY);
      expect(owner.opened.account).toBe('self');
      expect(userIn(owner.opened.pid)).toBe('65534');
      await owner.stop();
      const byRoot = await open({ dataDir });
      expect(userIn(byRoot.pid)).toBe('65534');
      await byRoot.stop();
    },
    MINUTE,
  );

  asRoot(
    'tells an ordinary user whose folder it is',
    async () => {
      const postgres = await open();
      await postgres.stop();
      chmodSync(folder, 0o755);
      chmodSync(join(folder, 'pg'), 0o755);
      const main = makeClone(join(folder, 'clone'), 'linked');
      const owner = await openAs(main, { dataDir: join(folder, 'pg') }, NOBODY);
      expect(owner.opened.error).toMatch(/belongs to user 0, we are 65534/);
    },
    MINUTE,
  );
});
