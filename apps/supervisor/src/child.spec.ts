// A process under supervision goes on being supervised when the data folder cannot be written, as on a full disk.
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
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

  afterEach(() => child.stop(0));
  afterAll(() => rmSync(path, { recursive: true, force: true }));

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

  it('gets a signal that it handles, and runs on', async () => {
    const listening = join(path, 'listening.mjs');
    writeFileSync(
      listening,
      "process.on('SIGHUP', () => console.log('opened anew'));\nsetInterval(() => undefined, 1_000);\nconsole.log('ready');\n",
    );
    const spec = { name: 'listening', script: listening, args: [], env: {} };
    const part = new Child(spec, folder, silentLogger, () => undefined);
    part.signal('SIGHUP'); // it does not run yet
    part.start();
    const { pid } = part;
    const log = (): string => readFileSync(folder.logPath('listening'), 'utf8');
    await until('its start', () => log().includes('ready'));
    part.signal('SIGHUP');
    await until('its answer', () => log().includes('opened anew'));
    expect([part.isRunning, part.pid]).toEqual([true, pid]);
    await part.stop(0);
  }, 30_000);

  it('is started again with a word why it ended, its own and not that of an earlier one', async () => {
    const failing = join(path, 'failing.mjs');
    const line = (pid: string): string =>
      `console.log(JSON.stringify({ event: 'failed', pid: ${pid}, msg: 'no engine ' + ${pid} }));\n`;
    writeFileSync(failing, `${line('process.pid')}${line('1')}process.exitCode = 1;\n`);
    const said: string[] = [];
    const spec = { name: 'failing', script: failing, args: [], env: {} };
    const part = new Child(spec, folder, silentLogger, (text) => void said.push(text));
    part.start();
    const { pid } = part;
    await until('its end', () => said.length > 0);
    await part.stop(0);
    expect(said[0]).toBe(
      `failing ended: no engine ${pid}; it is started again (log: ${folder.logPath('failing')})`,
    );
  }, 30_000);

  it('that refuses its configuration says so once, and is tried again at length', async () => {
    const refusing = join(path, 'refusing.mjs');
    writeFileSync(
      refusing,
      `console.log(JSON.stringify({ event: 'failed', pid: process.pid, msg: '--engine must be another' }));\nprocess.exitCode = 2;\n`,
    );
    const said: string[] = [];
    const spec = { name: 'refusing', script: refusing, args: [], env: {} };
    const part = new Child(spec, folder, silentLogger, (text) => void said.push(text));
    part.start();
    expect(part.refusal).toBeNull();
    await until('its end', () => said.length > 0);
    expect(said).toEqual([
      `refusing refuses its configuration: --engine must be another; it is tried again every 10 s (log: ${folder.logPath('refusing')})`,
    ]);
    expect(part.refusal).toBe('--engine must be another');
    await part.stop(0);
  }, 30_000);
});
