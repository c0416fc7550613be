import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryAppBody } from '#libs/testkit';
import { appSchema } from './app-schema.js';
import { parseApp } from './parse-app.js';
import { schemaOf } from './reader.js';
import { showApp } from './show-app.js';

// That what was accepted reads the same after it was shown is shown in libs/planner, with the version that comes of it.
describe('parseApp on anything', () => {
  const memberNames = [...Object.keys(schemaOf(appSchema).properties ?? {}), '__proto__'];
  const members = fc.dictionary(fc.constantFrom(...memberNames), fc.anything(), { maxKeys: 3 });
  const spoilt = fc.tuple(arbitraryAppBody, members).map(([body, more]) => ({ ...body, ...more }));

  it('never throws, and what it accepts can be shown', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), members, spoilt), (input) => {
        const parsed = parseApp(input);
        if (parsed.kind === 'ok') expect(parseApp(showApp(parsed.spec))).toEqual(parsed);
        else expect(parsed.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
