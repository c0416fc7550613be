// A process under supervision goes on being supervised when the data folder cannot be written, as on a full disk.
import { afterEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '#libs/telemetry';
import { until } from '#libs/testkit';
import { Child } from './child.js';
import { DataFolder } from './data-folder.js';

describe('a process under supervision', () => {
  const path = mkdtempSync(join(tmpdir(), 'longrun-child-'));
  const folder = new DataFolder(path);
  const script = join(path, 'sleep.mjs');
  writeFileSync(script, 'setInterval(() => undefined, 1_000);\n');
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_: object, message: string) => void errors.push(message) };
  const child = new Child({ name: 'part', script, args: [], env: {} }, folder, logger, () => undefined);

  /** As if there were no room: nothing can be made in it. */
  function close(name: string): () => void {
    renameSync(folder.in(name), folder.in(`${name}.real`));
    writeFileSync(folder.in(name), '');
    return () => {
      rmSync(folder.in(name));
      renameSync(folder.in(`${name}.real`), folder.in(name));
    };
  }
  const kill = (): void => void (child.pid !== null && process.kill(child.pid, 'SIGKILL'));

  afterEach(async () => {
    await child.stop(0);
    rmSync(path, { recursive: true, force: true });
  });

  it('is started again once its log can be opened, and recorded once the record can be written', async () => {
    child.start();
    const first = child.pid;
    const openLogs = close('logs');
    kill();
    await until('a start that fails', () => errors.includes('could not be started'));
    openLogs();
    const openRecords = close('records');
    await until('another one', () => child.isRunning && child.pid !== first);
    expect(existsSync(folder.in('records', 'part.json'))).toBe(false);
    openRecords();
    await until('its record', () => folder.record('part')?.identity.pid === child.pid);
    expect(readFileSync(folder.in('records', 'part.json'), 'utf8')).toContain(String(child.pid));
  }, 30_000);
});
