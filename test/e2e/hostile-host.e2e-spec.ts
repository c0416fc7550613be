// A host that is no friend: everything killed at once, a nearly full disk.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#libs/testkit';
import { agentsOf, routed } from './agent-views.js';
import { expectNothingLeft } from './left-over.js';
import { httpApp, LongrunUp } from './longrun-up.js';
import { fingerprints, pidsOfTask } from './task-processes.js';

describe('everything killed at once', () => {
  let up: LongrunUp;
  afterAll(() => up?.dispose(), 120_000);

  it('leaves the tasks alone, and the next up serves them before anything else', async () => {
    up = await (await LongrunUp.start()).ready();
    await up.api.post('/v2/apps', httpApp('/all'));
    const before = (await up.settled('/all', 2)).map(({ id }) => id);
    await routed(up, '/all');
    const marks = fingerprints(up.dataDir, before);
    const pids = (['control-plane', 'agent', 'proxy'] as const).map((part) => up.identity(part).pid);
    up.process.kill('SIGKILL');
    for (const pid of [...pids, up.postgresPid()]) process.kill(pid, 'SIGKILL');
    await up.exited();
    up = await LongrunUp.start({ dataDir: up.dataDir, ports: up.ports });
    await routed(up, '/all');
    expect(up.output).not.toContain('Longrun is up.');
    await up.ready();
    const after = (await up.settled('/all', 2)).map(({ id }) => id);
    expect(fingerprints(up.dataDir, after)).toEqual(marks);
  }, 180_000);
});

/** A small disk of our own; null where we may not mount. */
function smallDisk(): string | null {
  const path = mkdtempSync(join(tmpdir(), 'longrun-small-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=320m', 'none', path]).status === 0) return path;
  rmSync(path, { recursive: true });
  return null;
}
function removeDisk(path: string): void {
  spawnSync('umount', ['-l', path]);
  rmSync(path, { recursive: true, force: true });
}
function canMount(): boolean {
  const path = smallDisk();
  if (path !== null) removeDisk(path);
  return path !== null;
}

(canMount() ? describe : describe.skip)('a nearly full disk', () => {
  let up: LongrunUp;
  let folder: string;
  beforeAll(() => {
    folder = smallDisk() ?? '';
  });
  afterAll(async () => {
    await up?.stop();
    if (up) await expectNothingLeft(folder, join(folder, 'agent'));
    if (folder) removeDisk(folder);
  }, 120_000);

  /** Leaves so many MiB free. */
  function fill(name: string, free: number): void {
    const { bavail, bsize } = statfsSync(folder);
    const bytes = Math.max(0, bavail * bsize - free * 1_048_576);
    const dd = ['if=/dev/zero', `of=${join(folder, name)}`, 'bs=1M', `count=${Math.ceil(bytes / 1_048_576)}`];
    spawnSync('dd', dd);
  }
  const isLow = async (): Promise<boolean> => (await agentsOf(up)).some(({ diskLow }) => diskLow);

  it('refuses deploys with the path, drops task output, repairs a crash, and is forgotten when there is room', async () => {
    up = await (await LongrunUp.start({ dataDir: folder })).ready();
    await up.api.post('/v2/apps', httpApp('/full'));
    const [victim] = await up.settled('/full', 2);
    const postgres = up.postgresPid();

    fill('most', 10);
    await until('the agent to see it', isLow, { withinMs: 20_000 });
    expect((await agentsOf(up)).flatMap(({ warnings }) => warnings).join()).toContain(
      'task output is dropped',
    );
    for (const refused of [
      up.api.post('/v2/apps', httpApp('/new')),
      up.api.put('/v2/apps/full', { instances: 3 }),
      up.api.post('/v2/apps/full/restart'),
    ])
      await expect(refused).rejects.toMatchObject({ status: 507, message: expect.stringContaining(folder) });
    for (const pid of pidsOfTask(folder, victim?.id ?? '')) process.kill(pid, 'SIGKILL');
    await until('the killed task to be replaced', async () => {
      const tasks = await up.settled('/full', 2);
      return !tasks.some(({ id }) => id === victim?.id);
    });

    // not one byte is left: every log line of ours is lost, and nobody falls over it
    fill('rest', -5);
    await expect(up.api.post('/v2/apps', httpApp('/new'))).rejects.toMatchObject({ status: 507 });
    expect((await fetch(`${up.url}/ping`)).status).toBe(200);
    await routed(up, '/full');

    rmSync(join(folder, 'most'));
    rmSync(join(folder, 'rest'), { force: true });
    await until('the agent to see room', async () => !(await isLow()), { withinMs: 30_000 });
    await until('a deploy to be taken', () => up.api.post('/v2/apps', httpApp('/new')), { withinMs: 30_000 });
    await up.settled('/new', 2);
    await up.settled('/full', 2);
    expect(up.postgresPid()).toBe(postgres);
  }, 240_000);
});
