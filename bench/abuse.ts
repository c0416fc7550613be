// `npm run bench -- abuse`: 5,000 clients that send a byte of their head per second, 5,000 idle ones, one that never reads a 1 GB answer,
// HTTP/2 sessions of rapid resets, and 10,000 changes of the route table (1,000 apps of 10 targets) in a minute, before one real proxy
// process; other requests must be answered all the while. Fails when one is not, or when memory grows.
// With `--http2-rounds N` hostile clients of HTTP/2 alone (abuse/http2-rounds.ts).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { http2Rounds } from './abuse/http2-rounds.js';
import { abuse } from './abuse/run.js';

/** RSS at the end over that after the crowd had arrived, MiB; garbage of 3 MB tables is collected in steps. */
const GROWTH_MAX = 150;

async function crowdAndTables(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'longrun-abuse-'));
  try {
    const result = await abuse({
      command: [process.execPath, resolve('dist/apps/proxy/src/main.js')],
      cwd: dataDir,
      dataDir: join(dataDir, 'proxy'),
      clients: 5_000,
      apps: 1_000,
      changes: 10_000,
      changesPerSecond: 10_000 / 60,
      bigBytes: 2 ** 30,
      perSecond: 100,
    });
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    const { memory, failures, tables } = result;
    if (failures.length > 0 || !tables.lastConfirmed || memory.end - memory.warm > GROWTH_MAX) {
      process.stdout.write('NOT as it should be\n');
      process.exitCode = 1;
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const words = process.argv.slice(2);
if (!words.includes('--http2-rounds')) await crowdAndTables();
else if (!(await http2Rounds(words))) process.exitCode = 1;
