// Definitions of apps that are accepted: every member that Longrun runs, in the present and the old style, mixed as Marathon allows.
import fc from 'fast-check';
import { arbitraryChecks } from './check-bodies.js';
import { labels, literal, members, name, seconds, share, words, type Body } from './members.js';
import { networkingOf, type Engine, type Networking } from './network-bodies.js';

const amount = fc.double({ min: 0, max: 1000, noNaN: true });
const path = name.map((each) => `/${each}`);

const id = fc
  .tuple(fc.boolean(), fc.array(name, { minLength: 1, maxLength: 4 }))
  .filter(([, parts]) => !['restart', 'tasks', 'versions'].includes(parts.at(-1) ?? ''))
  .map(([absolute, parts]) => `${absolute ? '/' : ''}${parts.join('/')}`);

const constraint = fc.oneof(
  fc.constantFrom(
    ['hostname', 'UNIQUE'],
    ['@zone', 'group_by'],
    ['@region', 'IS', 'eu'],
    ['rack', 'CLUSTER', ''],
    ['rack', 'GROUP_BY', '3'],
    ['rack', 'MAX_PER', '2'],
    ['rack', 'LIKE', 'rack-[1-3]'],
    ['rack', 'Unlike', 'bad.*'],
  ),
  fc.tuple(name, literal('CLUSTER'), words),
);

const downloads = fc.oneof(
  members({
    uris: fc.array(fc.constantFrom('http://x/a.tgz', 'http://x/b.sh?v=1', 'c.zip'), { maxLength: 2 }),
  }),
  members({
    uris: fc.constant([]),
    fetch: fc.array(
      members(
        { extract: fc.boolean(), executable: fc.boolean(), cache: fc.boolean(), destPath: name },
        { uri: fc.constantFrom('http://x/a.tgz', 'file:///b') },
      ),
      { maxLength: 2 },
    ),
  }),
);

const limit = fc.oneof(fc.double({ min: 1000, max: 1e6, noNaN: true }), literal('unlimited'));
const times = fc
  .tuple(seconds, seconds)
  .map(([a, b]) => ({ inactiveAfterSeconds: Math.min(a, b), expungeAfterSeconds: Math.max(a, b) }));

const simple = members(
  {
    user: fc.constantFrom('', 'nobody', 'www-data'),
    env: fc.dictionary(
      words.filter((each) => each !== ''),
      words,
      { maxKeys: 3 },
    ),
    labels,
    instances: fc.nat(1000),
    // the defaults of cpus and mem are below every limit
    cpus: amount,
    mem: amount,
    disk: amount,
    gpus: fc.constant(0),
    executor: fc.constantFrom('', '//cmd', '/opt/run'),
    executorResources: members({
      cpus: amount,
      mem: fc.integer({ min: 32, max: 64 }),
      disk: fc.integer({ min: 10, max: 20 }),
    }),
    resourceLimits: members({ cpus: limit, mem: limit }),
    constraints: fc.array(constraint, { maxLength: 3 }),
    backoffSeconds: seconds,
    backoffFactor: fc.double({ min: 1, max: 10, noNaN: true }),
    maxLaunchDelaySeconds: seconds,
    taskKillGracePeriodSeconds: seconds,
    upgradeStrategy: fc.record({ minimumHealthCapacity: share, maximumOverCapacity: share }),
    unreachableStrategy: fc.oneof(fc.constantFrom('disabled', {}), times),
    killSelection: literal('OLDEST_FIRST', 'YOUNGEST_FIRST'),
    // with an upper bound on depth no app can depend on itself
    dependencies: fc.array(fc.constantFrom('/a/b/c/d/e/f', '/x/y/z/u/v/w'), { maxLength: 2 }),
    role: fc.constantFrom('', '*', 'prod'),
    acceptedResourceRoles: fc.array(fc.constantFrom('*', 'prod'), { minLength: 1, maxLength: 3 }),
    residency: members({
      relaunchEscalationTimeoutSeconds: seconds,
      taskLostBehavior: literal('WAIT_FOREVER'),
    }),
    secrets: fc.constant({}),
    tty: fc.boolean(),
  },
  { id },
);

const volume = fc.record({ containerPath: path, hostPath: fc.oneof(path, name), mode: literal('RO', 'RW') });
/** A process sees the host as it is. */
const processVolume = path.map((each) => ({ containerPath: each, hostPath: each, mode: 'RW' }));
const volumes = (of: fc.Arbitrary<Body>) => fc.array(of, { maxLength: 2 });

const parameters = fc.array(fc.record({ key: name, value: words }), { maxLength: 2 });
const image = { image: fc.constantFrom('nginx', 'registry.example/site:1.2') };
const linuxInfo = members({
  seccomp: fc.oneof(
    fc.constant({ unconfined: true }),
    members({ unconfined: fc.constant(false) }, { profileName: name }),
  ),
  ipcInfo: fc.oneof(
    fc.record({ mode: literal('SHARE_PARENT') }),
    members({ shmSize: fc.nat(64) }, { mode: literal('PRIVATE') }),
  ),
});

const mesosImage = members({ forcePullImage: fc.boolean() }, image);
const dockerImage = members({ forcePullImage: fc.boolean(), privileged: fc.boolean(), parameters }, image);
/** Without ports, which come with the networking. */
const containerOf: Readonly<Record<Engine, fc.Arbitrary<Body | undefined>>> = {
  none: fc.constant(undefined),
  MESOS: members({ volumes: volumes(processVolume) }, { type: literal('MESOS') }),
  'MESOS image': members(
    { volumes: volumes(volume), linuxInfo },
    { type: literal('MESOS'), docker: mesosImage },
  ),
  DOCKER: members({ type: literal('DOCKER'), volumes: volumes(volume), linuxInfo }, { docker: dockerImage }),
};

const command = fc.oneof(
  members({ args: fc.constant([]) }, { cmd: fc.constantFrom('sleep 100', 'exec ./run $PORT0') }),
  members({ cmd: fc.constant(null) }, { args: fc.array(words, { minLength: 1, maxLength: 3 }) }),
);
const ofImage = fc.oneof(command, fc.constant({}));

function assemble(own: Body | undefined, { app, container: more, docker }: Networking): Body {
  if (!own) return app;
  const inside = docker ? { docker: { ...(own.docker as Body), ...docker } } : {};
  return { ...app, container: { ...own, ...more, ...inside } };
}

const engines = fc.constantFrom<Engine>('none', 'MESOS', 'MESOS image', 'DOCKER');

/** Bodies of `POST /v2/apps` that must be accepted. Ids are of at most four segments, absolute or relative to the root. */
export const arbitraryAppBody: fc.Arbitrary<Body> = engines
  .chain((engine) => fc.tuple(fc.constant(engine), networkingOf[engine]))
  .chain(([engine, networking]) =>
    fc.tuple(
      simple,
      engine === 'DOCKER' || engine === 'MESOS image' ? ofImage : command,
      downloads,
      containerOf[engine].map((own) => assemble(own, networking)),
      arbitraryChecks(engine, networking),
    ),
  )
  .map((parts) => Object.assign({}, ...parts) as Body);
