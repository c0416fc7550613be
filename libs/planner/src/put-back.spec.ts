// Who puts back what the API shows changes nothing and restarts nothing, whatever the definition.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  assignServicePorts,
  mergeUpdate,
  parseApp,
  showApp,
  timestampOf,
  wantedVersion,
  type AppSpec,
  type ParsedApp,
} from '#libs/model';
import { arbitraryAppBody, aVersion } from '#libs/testkit';
import { nextVersion } from './next-version.js';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 300);
const range = { from: 10_000, to: 20_000 };

function accepted(parsed: ParsedApp): AppSpec {
  if (parsed.kind === 'ok') return parsed.spec;
  throw new Error(JSON.stringify(parsed.problems));
}
function stored(spec: AppSpec): AppSpec {
  const assigned = assignServicePorts(spec, { taken: () => false, range });
  if (assigned.kind === 'ok') return assigned.spec;
  throw new Error('no service port left');
}
const overTheWire = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as never;

/** As GET /v2/apps/ID shows it, with all embeds. */
const readOnly = {
  version: '2026-01-01T00:00:00.000Z',
  versionInfo: { lastScalingAt: '2026-01-01T00:00:00.000Z', lastConfigChangeAt: '2026-01-01T00:00:00.000Z' },
  tasksStaged: 0,
  tasksRunning: 1,
  tasksHealthy: 1,
  tasksUnhealthy: 0,
  deployments: [],
  tasks: [{ id: 'x' }],
  lastTaskFailure: { message: 'x' },
  readinessCheckResults: [],
  taskStats: {},
};

describe('a definition at random', () => {
  it('is accepted, reads the same after it was shown, and put back with all that was read it changes nothing', () => {
    fc.assert(
      fc.property(arbitraryAppBody, (body) => {
        const spec = stored(accepted(parseApp(body)));
        const shown = overTheWire(showApp(spec));
        expect(accepted(parseApp(shown))).toEqual(spec);
        expect(overTheWire(showApp(accepted(parseApp(shown))))).toEqual(shown);

        const read = { ...shown, ...readOnly };
        expect(wantedVersion(read)).toEqual({ kind: 'none' });
        for (const update of [{}, shown, read]) expect(accepted(mergeUpdate(spec, update))).toEqual(spec);
        const again = accepted(parseApp(read, { id: spec.id }));
        expect(nextVersion(aVersion(spec), again, timestampOf(2_000_000_000_000)).kind).toBe('unchanged');
      }),
      { numRuns: RUNS },
    );
  });
});
