// The promises of a data path as black-box cases: every engine runs them for real, on loopback.
import { afterEach, beforeEach, describe } from '@jest/globals';
import { EngineBench, type EngineMaker } from './engine-bench.js';
import { bodyCases } from './body-cases.js';
import { choiceCases } from './choice-cases.js';
import { departureCases } from './departure-cases.js';
import { headerCases } from './header-cases.js';
import { logCases } from './log-cases.js';
import { failureCases } from './failure-cases.js';
import { policyCases } from './policy-cases.js';
import { routingCases } from './routing-cases.js';

/** Declares the suite; call it once, at the top of a spec. */
export function engineConformance(name: string, make: EngineMaker, { timeoutMs = 60_000 } = {}): void {
  describe(`engine conformance: ${name}`, () => {
    const bench = new EngineBench(make);
    beforeEach(() => bench.open(), timeoutMs);
    afterEach(() => bench.close(), timeoutMs);
    for (const declare of [
      ...[routingCases, departureCases, policyCases, choiceCases, failureCases, bodyCases, headerCases],
    ])
      declare(bench, timeoutMs);
  });
  describe(`engine conformance: ${name}, with an access log`, () => {
    const bench = new EngineBench(make, true);
    beforeEach(() => bench.open(), timeoutMs);
    afterEach(() => bench.close(), timeoutMs);
    logCases(bench, timeoutMs);
    headerCases(bench, timeoutMs);
  });
}
