// `npm start -- examples/hello.json`, Ctrl-C, and again: what a new user sees first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, until } from '#libs/testkit';
import { LONGRUN, LongrunUp, somePorts } from './longrun-up.js';

/** Processes whose environment or arguments name this folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words =
          readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
        const isZombie = /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
        return !isZombie && Number(pid) !== process.pid && words.includes(folder)
          ? [`${pid} ${words.slice(0, 200)}`]
          : [];
      } catch {
        return [];
      }
    });
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
  return response.text();
}

describe('longrun up', () => {
  let up: LongrunUp | undefined;
  afterEach(async () => {
    await up?.dispose();
    if (up) rmSync(`${up.dataDir}-other`, { recursive: true, force: true });
    up = undefined;
  });

  it('deploys the example, prints URLs that answer, leaves nothing behind on Ctrl-C, and brings the app back without a deploy', async () => {
    up = await LongrunUp.start({ args: ['examples/hello.json'] });
    await up.ready();
    const printed = up.output.match(/http:\/\/127\.0\.0\.1:\d+\/\S*/g) ?? [];
    const urls = printed.filter((url) => url.includes('/_app/hello/') || /:\d+\/$/.test(url));
    expect(urls.length).toBeGreaterThanOrEqual(2);
    for (const url of urls) expect(await textOf(url)).toMatch(/^Hello from hello\./);

    expect(await up.stop()).toBe(0);
    expect(processesOf(up.dataDir)).toEqual([]);

    const { dataDir, ports } = up;
    up = await LongrunUp.start({ dataDir, ports });
    await up.ready();
    const again = up;
    await until('the app to answer again', () => textOf(`${again.proxyUrl}/_app/hello/`));
    expect((await up.api.get<unknown[]>('/v2/deployments')).length).toBe(0);
  }, 300_000);

  it('keeps tasks with --keep-tasks and adopts them at the next start', async () => {
    up = await LongrunUp.start({ args: ['examples/hello.json', '--keep-tasks'] });
    await up.ready();
    const before = (await up.settled('/hello', 2)).map(({ id }) => id).sort();
    expect(await up.stop('SIGTERM')).toBe(0);
    const { dataDir, ports } = up;
    up = await LongrunUp.start({ dataDir, ports });
    await up.ready();
    expect((await up.settled('/hello', 2)).map(({ id }) => id).sort()).toEqual(before);
  }, 300_000);

  it('opens the access log of its proxy anew on SIGHUP, after it was moved away, and goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longrun-access-log-'));
    const log = join(folder, 'access.log');
    up = await LongrunUp.start({ args: ['examples/hello.json', '--access-log', log] });
    await up.ready();
    const { proxyUrl } = up;
    const linesOf = (file: string): number =>
      existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
    await textOf(`${proxyUrl}/_app/hello/`);
    await until('the first line', () => linesOf(log) > 0);
    renameSync(log, `${log}.1`);
    up.process.kill('SIGHUP');
    await until('the new file', () => existsSync(log));
    const before = linesOf(`${log}.1`);
    await textOf(`${proxyUrl}/_app/hello/`);
    await until('a line in the new file', () => linesOf(log) > 0);
    expect(linesOf(`${log}.1`)).toBe(before);
    expect(up.process.exitCode).toBeNull();
    rmSync(folder, { recursive: true, force: true });
  }, 300_000);

  it('tells a second start on the same folder who holds it, and says clearly what else is wrong before anything starts', async () => {
    up = await LongrunUp.start();
    await up.ready();
    const second = spawnSync(process.execPath, [LONGRUN, 'up', '--data-dir', up.dataDir], {
      encoding: 'utf8',
    });
    expect(second.status).toBe(2);
    expect(second.stderr).toContain(`pid ${up.process.pid}`);
    expect(second.stderr).toContain('--data-dir');

    const other = await somePorts();
    const fresh = `${up.dataDir}-other`;
    const attempt = (...args: string[]) =>
      spawnSync(
        process.execPath,
        [
          LONGRUN,
          'up',
          '--data-dir',
          fresh,
          '--service-ports',
          other.services,
          '--task-ports',
          other.tasks,
          ...args,
        ],
        {
          encoding: 'utf8',
        },
      );
    const taken = attempt('--api-port', String(up.ports.api), '--proxy-port', String(await freePort()));
    expect([taken.status, taken.stderr]).toEqual([
      2,
      expect.stringContaining(`port ${up.ports.api} (--api-port) is taken`),
    ]);
    const unknown = attempt('--api-prot', '1');
    expect([unknown.status, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('did you mean --api-port?'),
    ]);
    const missing = attempt('no-such-file.json');
    expect([missing.status, missing.stderr]).toEqual([
      2,
      expect.stringContaining('there is no file no-such-file.json'),
    ]);
    const https = attempt('--proxy-https-port', '8443');
    expect([https.status, https.stderr]).toEqual([2, expect.stringContaining('certificate')]);
  }, 300_000);
});
