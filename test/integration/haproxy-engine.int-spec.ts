// HAProxy as the data path, through the suite that every engine passes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { engineConformance } from '#libs/engine-conformance';
import { HaproxyEngine } from '#libs/haproxy-engine';
import { SystemClock } from '#libs/time';

const folder = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
engineConformance('HAProxy', ({ port, onIdle }) => {
  count += 1;
  return new HaproxyEngine({
    clock: new SystemClock(),
    bind: '127.0.0.1',
    port,
    appPaths: false,
    folder: join(folder, String(count)),
    threads: 2,
    onIdle,
    onNotice: (text) => process.stderr.write(`${text}\n`),
  });
});
