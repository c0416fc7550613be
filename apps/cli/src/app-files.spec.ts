// Files that are no apps are refused with words, in time, and without a word of theirs on the terminal when they are no text.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAppFiles } from './app-files.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const LABELS = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`label-${at}`, 'v'.repeat(50)]));

describe('a file of apps', () => {
  it.each<[string, string | Buffer, RegExp]>([
    ['is empty', '', /holds nothing/],
    ['is null', 'null', /holds nothing/],
    ['is a text', 'hello', /must be an app, a list of apps or a group/],
    ['has tabs', 'id: a\n\tcmd: x\n', /neither JSON nor YAML: Tabs are not allowed/],
    ['is cut off', '{"id": "a", "cmd": ', /neither JSON nor YAML/],
    ['has a member twice', '{"id":"a","cmd":"x","cmd":"y"}', /keys must be unique/],
    ['holds itself', 'id: a\nlabels: &a\n  x: *a\n', /an anchor \(&\) holds itself/],
    [
      'is binary',
      Buffer.from([0x7b, 0xff, 0xfe, 0x00]),
      /is no text in UTF-8, so it is neither JSON nor YAML$/,
    ],
    ['is larger than the API takes', Buffer.alloc(10 * 1024 * 1024, 'a'), /is larger than 4 MiB/],
  ])('that %s is refused by name, as wrong use', async (name, content, words) => {
    const path = file(name.replaceAll(' ', '-'), content);
    const refused = readAppFiles([path]);
    await expect(refused).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(words) });
    await expect(refused).rejects.toThrow(path);
  });

  it('that is a folder, or is not there, is refused', async () => {
    const path = join(folder, 'folder');
    mkdirSync(path);
    await expect(readAppFiles([path])).rejects.toThrow(/cannot read .*EISDIR/);
    await expect(readAppFiles([join(folder, 'none')])).rejects.toThrow(/cannot read .*ENOENT/);
  });

  it('that is large is read, as JSON at once', async () => {
    const path = file('large.json', JSON.stringify({ id: 'large', cmd: 'x', labels: LABELS }));
    const startedAt = performance.now();
    const [app] = await readAppFiles([path]);
    expect(app).toMatchObject({ id: '/large', body: { labels: LABELS } });
    const asJson = performance.now() - startedAt;
    const again = performance.now();
    await readAppFiles([
      file('large.yaml', `# YAML\n${JSON.stringify({ id: 'large', cmd: 'x', labels: LABELS })}`),
    ]);
    expect(asJson).toBeLessThan(performance.now() - again);
  });
});
