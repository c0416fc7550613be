import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lockFolder } from '#libs/folder-lock';

describe('the lock of a data folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is held by one process of a role, which says who it is, also by another path', async () => {
    const lock = await lockFolder(folder, 'longrun up', 'http://127.0.0.1:8080');
    const other = join(folder, 'link');
    symlinkSync(folder, other);
    for (const path of [folder, other]) {
      await expect(lockFolder(path, 'longrun up')).rejects.toThrow(
        new RegExp(
          `another longrun up \\(pid ${process.pid}, running since .* at http://127.0.0.1:8080\\).*--data-dir`,
        ),
      );
    }
    const agent = await lockFolder(folder, 'agent');
    await agent.release();
    await lock.release();
    await (await lockFolder(folder, 'longrun up')).release();
  });

  it('goes to one of many that start at once', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder, 'proxy')));
    const held = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.release();
  });
});
