// The docker runtime keeps the promises of every runtime.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { DockerRuntime } from '#libs/runtime-docker';
import { runtimeConformance } from '#libs/runtime-conformance';
import { silentLogger } from '#libs/telemetry';
import { SystemClock } from '#libs/time';
import { describeDocker, IMAGE, testEngine } from './test-engine.js';

const engine = await testEngine();

describeDocker(engine, 'a real engine', ({ socketPath }) => {
  const agentId = `agent-${randomUUID()}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'longrun-docker-agent-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
  runtimeConformance(
    'docker',
    () =>
      Promise.resolve(
        new DockerRuntime({
          ...{ socketPath, agentId, clusterId: () => 'cluster-of-specs' },
          ...{ clock: new SystemClock(), logger: silentLogger, dataDir },
        }),
      ),
    { spec: { runtime: 'docker', image: IMAGE }, timeoutMs: 120_000 },
  );
});
