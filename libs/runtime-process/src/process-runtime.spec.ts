import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { runtimeConformance } from '#libs/runtime-conformance';
import { silentLogger } from '#libs/telemetry';
import { SystemClock } from '#libs/time';
import { ProcessRuntime } from './process-runtime.js';

for (const limits of [true, false]) {
  const dataDir = mkdtempSync(join(tmpdir(), 'longrun-process-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
  runtimeConformance(`process, ${limits ? 'with' : 'without'} cgroups`, async () => {
    return new ProcessRuntime({ dataDir, clock: new SystemClock(), logger: silentLogger, limits });
  });
}
