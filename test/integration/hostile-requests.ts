// What the fuzz sends: a complete definition with some of its inner values replaced by what nobody expects, texts that are no JSON,
// odd paths, parameters and headers. Mostly sound ones are among them, so that what lies behind the readers is reached too.
import fc from 'fast-check';

/** The value of a variable in `env`; it must show up in no log. */
export const SECRET = 'hush-hush-7d1c';

const COMPLETE = {
  id: '/fuzz/app',
  cmd: 'sleep 100',
  args: ['a', 'b'],
  instances: 1,
  cpus: 0.1,
  mem: 32,
  disk: 0,
  gpus: 0,
  user: 'nobody',
  env: { A: SECRET },
  labels: { HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: '/x', 'longrun.io/drain-seconds': '5' },
  constraints: [
    ['hostname', 'UNIQUE'],
    ['rack', 'GROUP_BY', '3'],
    ['os', 'LIKE', '(a+)+$'],
  ],
  portDefinitions: [{ port: 0, protocol: 'tcp', name: 'http', labels: { VIP_0: 'x:80' } }],
  ports: [0],
  requirePorts: false,
  networks: [{ mode: 'host' }],
  container: {
    type: 'DOCKER',
    docker: {
      image: 'busybox',
      forcePullImage: false,
      privileged: false,
      parameters: [{ key: 'a', value: 'b' }],
    },
    volumes: [{ containerPath: '/data', hostPath: '/tmp', mode: 'RW' }],
    portMappings: [{ containerPort: 80, hostPort: 0, servicePort: 0, protocol: 'tcp' }],
  },
  healthChecks: [
    {
      protocol: 'HTTP',
      path: '/',
      portIndex: 0,
      intervalSeconds: 5,
      gracePeriodSeconds: 1,
      maxConsecutiveFailures: 3,
    },
    { protocol: 'COMMAND', command: { value: 'true' } },
  ],
  upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.5 },
  unreachableStrategy: { inactiveAfterSeconds: 1, expungeAfterSeconds: 2 },
  backoffSeconds: 1,
  backoffFactor: 1.5,
  maxLaunchDelaySeconds: 10,
  taskKillGracePeriodSeconds: 3,
  dependencies: ['/fuzz/other'],
  killSelection: 'YOUNGEST_FIRST',
  role: '*',
  acceptedResourceRoles: ['*'],
  fetch: [{ uri: 'http://a/b' }],
  secrets: { s: { source: '/x' } },
  readinessChecks: [{ name: 'r' }],
  residency: {},
  tty: true,
  version: '2020-01-01T00:00:00.000Z',
} as const;
const MEMBERS = Object.keys(COMPLETE) as (keyof typeof COMPLETE)[];
/** Together they make a definition that is accepted; what is left out or added of the others varies. */
const SOUND: readonly (keyof typeof COMPLETE)[] = [
  'id',
  'cmd',
  'instances',
  'cpus',
  'mem',
  'labels',
  'upgradeStrategy',
];

export const NASTY_TEXTS = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '/',
  '..',
  '/../../etc/passwd',
  '__proto__',
  'constructor',
  '%00',
  '%2e%2e%2f',
  "'; drop table apps; --",
  '${PORT0}',
  'x'.repeat(70_000),
  'é'.repeat(300),
  '-1',
  '1e999',
  '(a+)+$',
  '*',
  '\r\nX-Injected: 1',
];
export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -0, -1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 53, [], {}, [[]]),
  fc.constantFrom(...NASTY_TEXTS),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.array(fc.constantFrom(...NASTY_TEXTS), { maxLength: 4 }),
  fc.dictionary(fc.constantFrom(...NASTY_TEXTS), fc.constantFrom<unknown>(...NASTY_TEXTS, 0, null, {}), {
    maxKeys: 4,
  }),
);

/** The value with some of its inner values, at any depth, replaced. */
function broken(value: unknown, odds: number): fc.Arbitrary<unknown> {
  const inner: fc.Arbitrary<unknown> = Array.isArray(value)
    ? fc.tuple(...value.map((each) => broken(each, odds)))
    : typeof value === 'object' && value !== null
      ? fc.record(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, broken(each, odds)])))
      : fc.constant(value);
  return fc.oneof({ arbitrary: inner, weight: odds }, { arbitrary: nasty, weight: 1 });
}

/** No thousands of instances: what they cost is measured elsewhere. */
const capped = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && 'instances' in body && typeof body.instances === 'number'
    ? { ...body, instances: Math.min(body.instances, 20) }
    : body;

const members = (names: readonly (keyof typeof COMPLETE)[], odds: number): fc.Arbitrary<object> =>
  fc.record(Object.fromEntries(names.map((name) => [name, broken(COMPLETE[name], odds)])));
const definition: fc.Arbitrary<unknown> = fc
  .tuple(
    fc.constantFrom(3, 30, 300),
    fc.subarray(MEMBERS, { maxLength: 5 }),
    fc.constantFrom('/fuzz/app', '/fuzz/b', 'fuzz/c.d', '/fuzz', '/fuzz/app/inner', '/fuzz/../d'),
  )
  .chain(([odds, others, id]) =>
    fc.tuple(members(SOUND, odds), members(others, odds)).map(([sound, more]) => ({ ...more, ...sound, id })),
  )
  .chain((made) =>
    fc.oneof({ arbitrary: fc.constant(made), weight: 9 }, { arbitrary: broken(made, 30), weight: 1 }),
  )
  .map(capped);

const bodyText: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: definition.map((each) => JSON.stringify(each)), weight: 8 },
  { arbitrary: fc.array(definition, { maxLength: 4 }).map((each) => JSON.stringify(each)), weight: 3 },
  { arbitrary: fc.record({ ids: nasty }).map((each) => JSON.stringify(each)), weight: 1 },
  { arbitrary: nasty.map((each) => JSON.stringify(each) ?? ''), weight: 1 },
  {
    arbitrary: fc.tuple(definition, fc.nat()).map(([each, at]) => {
      const text = JSON.stringify(each);
      return text.slice(0, at % (text.length + 1));
    }),
    weight: 1,
  },
  {
    arbitrary: fc.constantFrom(
      '['.repeat(100_000),
      '{"a":'.repeat(10_000),
      'NaN',
      '\ufeff{}',
      '{"id":"/a","id":"/b"}',
    ),
    weight: 1,
  },
);

const segment = fc.oneof(
  fc.constantFrom(
    'fuzz',
    'app',
    'b',
    'tasks',
    'versions',
    'restart',
    '*',
    '..',
    '.',
    '%2e%2e',
    '%2F',
    '%00',
    '%zz',
    '%c3%28',
    '//',
  ),
  fc
    .constantFrom(...NASTY_TEXTS)
    .map((each) => encodeURIComponent(each.replace(/\p{Surrogate}/gu, '')).slice(0, 2_000)),
);
const path = fc
  .tuple(
    fc.constantFrom(
      '/v2/apps',
      '/v2/apps',
      '/v2/apps',
      '/v2/tasks/delete',
      '/v2/groups',
      '/v2/deployments',
      '/v2/queue',
      '/v3/deployments',
      '/v3/agents',
      '/v3/proxies',
      '/v3/instances',
      '/v3/tasks',
      '/v2/pods',
      '/v2/plugins',
      '',
    ),
    fc.oneof(fc.constantFrom([], ['fuzz', 'app'], ['fuzz', 'b']), fc.array(segment, { maxLength: 4 })),
    fc.subarray(
      [
        'force=true',
        'scale=true',
        'wipe=true',
        'partialUpdate=false',
        'embed=apps.tasks',
        'label=a%20in%20(',
        'force=%00',
        'x[]=1',
        'host=*',
        '__proto__=1',
      ],
      { maxLength: 3 },
    ),
  )
  .map(
    ([root, segments, query]) =>
      `${[root, ...segments].join('/') || '/'}${query.length ? `?${query.join('&')}` : ''}`,
  );

/** One request at a random endpoint, sound or broken to a random degree. */
export const hostileRequest = fc.record({
  method: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'POST', 'PUT', 'GET'),
  path: fc.oneof(
    { arbitrary: path, weight: 2 },
    {
      arbitrary: fc.constantFrom(
        '/v2/apps',
        '/v2/apps?force=true',
        '/v2/apps/fuzz/app?force=true',
        '/v2/tasks/delete',
      ),
      weight: 3,
    },
  ),
  body: bodyText,
  headers: fc.oneof(
    { arbitrary: fc.constant({}), weight: 6 },
    {
      arbitrary: fc.constantFrom<Record<string, string>>(
        { 'content-type': 'application/xml' },
        { 'content-type': '' },
        { accept: 'text/html;q=x,*/*;q=-1' },
        { 'accept-encoding': 'identity;q=banana, br' },
        { authorization: 'Basic ====' },
        { 'x-marathon-via': ','.repeat(1_000) },
        { cookie: 'a'.repeat(5_000) },
      ),
      weight: 1,
    },
  ),
});
