// The promises of `Runtime` (libs/runtime) as black-box cases. Every runtime runs them for real:
//   runtimeConformance('process', async () => new ProcessRuntime({…}), { spec: { runtime: 'process' } });
// `makeRuntime` is called again for every restart and must give a new instance over the same data.
import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import type { Runtime } from '#libs/runtime';
import { adoptionCases } from './adoption-cases.js';
import { Bench } from './bench.js';
import type { ConformanceOptions } from './bench.js';
import { exitCases } from './exit-cases.js';
import { logCases } from './log-cases.js';
import { sandboxCases } from './sandbox-cases.js';
import { startCases } from './start-cases.js';
import { stopCases } from './stop-cases.js';
import { surroundingsCases } from './surroundings-cases.js';

/** Declares the suite; call it once, at the top of a spec. The caller removes the data of the runtime in its own `afterAll`. */
export function runtimeConformance(
  name: string,
  makeRuntime: () => Promise<Runtime>,
  options: ConformanceOptions = {},
): void {
  describe(`runtime conformance: ${name}`, () => {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const bench = new Bench(makeRuntime, options);
    beforeAll(async () => void (await bench.open()), timeoutMs);
    afterEach(() => bench.clear(), timeoutMs);
    afterAll(() => bench.runtime.close(), timeoutMs);

    for (const declare of [
      startCases,
      surroundingsCases,
      sandboxCases,
      exitCases,
      stopCases,
      adoptionCases,
      logCases,
    ]) {
      declare(bench, timeoutMs, options);
    }
  });
}
