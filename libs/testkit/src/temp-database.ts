// Databases for tests: one Postgres per worker process of jest, a template built only by the migrations, a clone per call (about 0.1 s).
// jest gives each test file a fresh module registry but the same process, so what was started is recorded in a folder by our pid.
// A small shell process watches our pid and ends Postgres and the folder when we are gone, killed or not.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDatabase {
  /** Of an empty, migrated database of its own. */
  readonly url: string;
  /** Of the Postgres that holds it, which other test files of this worker use too. */
  readonly pid: number;
  drop(): Promise<void>;
}

const TEMPLATE = 'longrun_template';

// $1 our pid, $2 its start time, $3 Postgres' pid, $4 its start time, $5 the folder. SIGQUIT: nothing in there is worth a checkpoint.
const WATCHDOG = `
lives() { [ "$(sed -n '/) [ZX] /!s/.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20)" = "$2" ]; }
while lives "$1" "$2"; do sleep 0.3; done
if lives "$3" "$4"; then kill -QUIT "$3"; fi
tries=0
while lives "$3" "$4" && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
if lives "$3" "$4"; then kill -KILL "$3"; fi
rm -rf "$5"
`;

/** Libraries are loaded on the first call, for most tests need no database. */
export async function tempDatabase(): Promise<TempDatabase> {
  const { url: adminUrl, pid } = await sharedPostgres();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(adminUrl, `create database ${name} template ${TEMPLATE}`);
  return {
    url: onDatabase(adminUrl, name),
    pid,
    drop: () => administer(adminUrl, `drop database if exists ${name} with (force)`),
  };
}

async function sharedPostgres(): Promise<{ url: string; pid: number }> {
  const { EmbeddedPostgres } = await import('#libs/embedded-postgres');
  const { identityOf } = await import('#libs/process-identity');
  const { silentLogger } = await import('#libs/telemetry');
  const startTime = identityOf(process.pid)?.startTime;
  const folder = join(tmpdir(), `longrun-test-${process.pid}-${startTime}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const postgres = await EmbeddedPostgres.open({ dataDir: folder, logger: silentLogger, durable: false });
  if (!postgres.takenOver) watch([process.pid, startTime, postgres.pid, postgres.identity.startTime, folder]);
  const ready = join(folder, 'template-ready');
  if (!existsSync(ready)) {
    await buildTemplate(postgres.url);
    await writeFile(ready, '');
  }
  return { url: postgres.url, pid: postgres.pid };
}

async function buildTemplate(adminUrl: string): Promise<void> {
  const { migrate } = await import('#libs/persistence');
  const { silentLogger } = await import('#libs/telemetry');
  await administer(adminUrl, `drop database if exists ${TEMPLATE}`);
  await administer(adminUrl, `create database ${TEMPLATE}`);
  await migrate({ url: onDatabase(adminUrl, TEMPLATE), logger: silentLogger });
}

function watch(facts: readonly unknown[]): void {
  const args = ['-c', WATCHDOG, 'watchdog', ...facts.map(String)];
  spawn('/bin/sh', args, { detached: true, stdio: 'ignore', cwd: '/' }).unref();
}

async function administer(url: string, statement: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function onDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
