import { execFileSync } from 'node:child_process';
import { closeSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APPEND_OR_NEW, NEW, openLog, openLogFile, READ, sizeOfLog, withLogFile, WRITE } from './log-file.js';

describe('an output file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-log-file-'));
  const at = (name: string): string => join(folder, name);
  beforeAll(() => {
    for (const name of ['plain', 'other', 'secret']) writeFileSync(at(name), 'words');
    symlinkSync(at('other'), at('link'));
    linkSync(at('secret'), at('hard'));
    execFileSync('mkfifo', [at('pipe')]);
    mkdirSync(at('folder'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['link', 'hard', 'pipe', 'folder', 'absent'])('is never a %s', async (name) => {
    for (const flags of [READ, WRITE]) {
      expect(openLogFile(at(name), flags)).toBeUndefined();
      expect(await openLog(at(name), flags)).toBeUndefined();
      expect(withLogFile(at(name), flags, () => 'used')).toBeUndefined();
    }
    expect(await sizeOfLog(at(name))).toBeUndefined();
  });

  it('is an ordinary file, or a new one', async () => {
    expect(withLogFile(at('plain'), READ, () => 'used')).toBe('used');
    expect(await sizeOfLog(at('plain'))).toBe(5);
    expect(openLogFile(at('link'), APPEND_OR_NEW)).toBeUndefined();
    const made = openLogFile(at('new'), APPEND_OR_NEW);
    expect(made).toBeDefined();
    if (made !== undefined) closeSync(made);
    expect(() => openLogFile(at('new'), NEW)).toThrow('EEXIST');
  });
});
