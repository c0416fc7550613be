// What `longrun proxy` reads of its command line.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readSettings as readAll, type ProxySettings } from './options.js';

const readSettings = (args: readonly string[], env: NodeJS.ProcessEnv): ProxySettings =>
  readAll(['--control-plane', 'http://127.0.0.1:8080', ...args], env);

describe('the token of a proxy', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-proxy-options-'));
    file = join(folder, 'token');
    writeFileSync(file, 's3cret\n', { mode: 0o600 });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('comes from a file, with a warning for as long as others may read it', () => {
    const read = () => readSettings(['--token-file', file], {});
    expect(read()).toMatchObject({ token: 's3cret', warnings: [] });
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(file, mode);
      expect(read().warnings).toEqual([
        `--token-file ${file} can be read by other users; run chmod 600 on it`,
      ]);
    }
    chmodSync(file, 0o400);
    expect(read().warnings).toEqual([]);
  });

  it('is that of the command line rather than that of a variable', () => {
    const tokenOf = (args: string[], env: NodeJS.ProcessEnv) => readSettings(args, env).token;
    expect(tokenOf(['--token-file', file], { LONGRUN_TOKEN: 'other' })).toBe('s3cret');
    expect(tokenOf(['--token', 'other'], { LONGRUN_TOKEN_FILE: file })).toBe('other');
    expect(tokenOf([], { LONGRUN_TOKEN: 'other', LONGRUN_TOKEN_FILE: file })).toBe('s3cret');
  });

  it('must be there, and one that can be sent', () => {
    expect(() => readSettings([], {})).toThrow(/needs a token: give it by LONGRUN_TOKEN or --token-file/);
    expect(() => readSettings(['--token-file', join(folder, 'none')], {})).toThrow(
      /none cannot be read or is empty/,
    );
    writeFileSync(file, ' \n');
    expect(() => readSettings(['--token-file', file], {})).toThrow(/cannot be read or is empty/);
    writeFileSync(file, 's3c ret');
    expect(() => readSettings(['--token-file', file], {})).toThrow(/characters that cannot be sent/);
  });
});
