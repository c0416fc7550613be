// The short form of `npm run bench -- abuse`: a real proxy process under clients that mean no good and one table after the other answers
// everybody else, and does not grow.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { compileProgram } from '#libs/testkit';
import { abuse } from '../../bench/abuse/run.js';

it('slow and idle clients, an unread answer, rapid resets and a flood of tables cost nobody else an answer', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-abuse-spec-'));
  try {
    compileProgram(folder, ['apps/proxy/src/main.ts']);
    const result = await abuse({
      command: [process.execPath, join(folder, 'apps/proxy/src/main.js')],
      ...{ cwd: folder, dataDir: join(folder, 'data') },
      ...{ clients: 500, apps: 50, changes: 1_000, changesPerSecond: 150, bigBytes: 2 ** 30, perSecond: 50 },
    });
    process.stderr.write(`${JSON.stringify(result)}\n`);
    const { asked, failures, memory, crowd, resets, tables } = result;
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(100);
    // they stayed, and the attack was one
    expect(crowd).toMatchObject({ slow: 500, idle: 500 });
    expect(resets.sessionsEnded).toBeGreaterThan(0);
    expect(tables).toMatchObject({ made: 1_001, lastConfirmed: true });
    // an answer of 1 GB that nobody reads, held for ever or copied, would be far more
    expect(memory.end - memory.warm).toBeLessThan(100);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
