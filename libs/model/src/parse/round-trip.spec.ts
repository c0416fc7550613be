import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mergeUpdate } from './merge-update.js';
import { parseApp } from './parse-app.js';
import { showApp } from './show-app.js';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((each) => !each.includes('\0'));
const labels = fc.dictionary(text, text, { maxKeys: 3 });
const seconds = fc.integer({ min: 0, max: 10_000 });
const amount = fc.double({ min: 0, max: 1000, noNaN: true });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const protocol = fc.constantFrom('tcp', 'udp', 'udp,tcp', 'TCP');
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const portDefinitions = fc.uniqueArray(
  fc.record(
    { port: fc.integer({ min: 0, max: 65_535 }), protocol, name: maybe(name), labels },
    { requiredKeys: [] },
  ),
  { maxLength: 4, selector: ({ port, name: own }) => `${port} ${own}` },
);
const portMappings = fc.array(
  fc.record(
    {
      containerPort: fc.integer({ min: 0, max: 65_535 }),
      hostPort: fc.nat(65_535),
      servicePort: fc.nat(65_535),
      protocol,
      labels,
    },
    { requiredKeys: [] },
  ),
  { maxLength: 4 },
);
const healthCheck = fc.oneof(
  fc.record(
    {
      protocol: fc.constantFrom('HTTP', 'https', 'TCP', 'MESOS_HTTP'),
      path: text,
      port: fc.nat(65_535),
      intervalSeconds: seconds,
      maxConsecutiveFailures: seconds,
      ignoreHttp1xx: fc.boolean(),
    },
    { requiredKeys: ['port'] },
  ),
  fc.record({ protocol: fc.constant('COMMAND'), command: fc.record({ value: fc.constant('true') }) }),
);
const container = fc.record(
  {
    type: fc.constantFrom('DOCKER', 'docker'),
    docker: fc.record(
      {
        image: fc.constant('nginx'),
        forcePullImage: fc.boolean(),
        privileged: fc.boolean(),
        parameters: fc.array(fc.record({ key: name, value: text }), { maxLength: 2 }),
      },
      { requiredKeys: ['image'] },
    ),
    volumes: fc.array(fc.record({ containerPath: name, hostPath: name, mode: fc.constantFrom('RO', 'rw') }), {
      maxLength: 2,
    }),
    portMappings,
  },
  { requiredKeys: ['docker'] },
);

const shared = {
  id: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  env: fc.dictionary(
    text.filter((each) => each !== ''),
    text,
    { maxKeys: 3 },
  ),
  labels,
  instances: fc.nat(1000),
  cpus: amount,
  mem: amount,
  disk: amount,
  constraints: fc.array(
    fc.constantFrom(
      ['hostname', 'unique'],
      ['rack', 'LIKE', 'a.*'],
      ['rack', 'CLUSTER', ''],
      ['zone', 'GROUP_BY'],
    ),
  ),
  healthChecks: fc.array(healthCheck, { maxLength: 3 }),
  backoffSeconds: seconds,
  backoffFactor: fc.double({ min: 1, max: 10, noNaN: true }),
  maxLaunchDelaySeconds: seconds,
  taskKillGracePeriodSeconds: seconds,
  upgradeStrategy: fc.record({ minimumHealthCapacity: share, maximumOverCapacity: share }),
  unreachableStrategy: fc.oneof(fc.constant('disabled'), fc.record({ expungeAfterSeconds: seconds })),
  killSelection: fc.constantFrom('OLDEST_FIRST', 'youngest_first'),
  dependencies: fc.array(name, { maxLength: 2 }),
  role: fc.constantFrom('', '*', 'prod'),
  acceptedResourceRoles: fc.array(name, { minLength: 1, maxLength: 2 }),
  requirePorts: fc.boolean(),
};
const app = fc.oneof(
  fc.record({ ...shared, cmd: fc.constant('sleep 100'), portDefinitions }, { requiredKeys: ['id', 'cmd'] }),
  fc.record(
    { ...shared, args: fc.array(text, { minLength: 1 }), ports: fc.uniqueArray(fc.nat(65_535)) },
    { requiredKeys: ['id', 'args'] },
  ),
  fc.record(
    {
      ...shared,
      container,
      networks: fc.constantFrom([], [{ mode: 'host' }], [{ mode: 'container/bridge' }]),
    },
    { requiredKeys: ['id', 'container'] },
  ),
);

describe('a definition that was accepted', () => {
  it('reads the same after it was shown, and an empty update changes nothing', () => {
    let accepted = 0;
    fc.assert(
      fc.property(app, (input) => {
        const parsed = parseApp(input);
        if (parsed.kind !== 'ok') return;
        accepted += 1;
        const shown: unknown = JSON.parse(JSON.stringify(showApp(parsed.spec)));
        expect(parseApp(shown)).toEqual(parsed);
        expect(mergeUpdate(parsed.spec, {})).toEqual(parsed);
        expect(mergeUpdate(parsed.spec, shown)).toEqual(parsed);
      }),
      { numRuns: 400 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

describe('parseApp on anything', () => {
  it('never throws, and what it accepts can be shown', () => {
    const members = fc.dictionary(
      fc.constantFrom(
        ...Object.keys(shared),
        'cmd',
        'args',
        'container',
        'networks',
        'ports',
        'fetch',
        'check',
        'ipAddress',
        '__proto__',
      ),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), members), (input) => {
        const parsed = parseApp(input);
        if (parsed.kind === 'ok') expect(parseApp(showApp(parsed.spec))).toEqual(parsed);
        else expect(parsed.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
