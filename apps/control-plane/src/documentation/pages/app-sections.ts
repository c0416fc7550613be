// Into which sections the members of a definition are put, and what must be known before reading about one of them.
export interface AppSection {
  readonly title: string;
  readonly about: string;
  /** Paths of members, in the order in which they are shown, each with all below it that no longer path of another section names. */
  readonly members: readonly string[];
  /** Only these, without what is below them. */
  readonly namesOnly?: boolean;
  readonly after?: string;
}

const CONSTRAINTS = `Operators of \`constraints\`; the field is \`@hostname\`, \`@region\`, \`@zone\` or an attribute that an agent was started with (\`--attributes rack:a\`):

| operator | instances run |
|---|---|
| \`["rack", "UNIQUE"]\` | each on another value |
| \`["rack", "CLUSTER", "a"]\` | all on this value; without one all on the same |
| \`["rack", "GROUP_BY", "3"]\` | spread evenly over the values; the number says over how many at least |
| \`["rack", "LIKE", "a.*"]\`, \`["rack", "UNLIKE", "a.*"]\` | only where the regular expression matches the whole value, or does not |
| \`["rack", "MAX_PER", "2"]\` | at most so many per value |
| \`["rack", "IS", "a"]\` | only on exactly this value |`;

const LABELS = `| label | effect |
|---|---|
| \`HAPROXY_{n}_VHOST\`, \`_PATH\`, \`_MODE\`, \`_STICKY\`, \`_REDIRECT_TO_HTTPS\` … | how the proxy serves port \`n\`, counted from 0: [all of marathon-lb's and Longrun's own](labels.md) |
| \`longrun.io/drain-seconds\` | how long requests in flight may take when an instance is stopped, before SIGTERM (30) |
| \`longrun.io/min-ready-seconds\` | how long a new instance must serve without interruption before an old one makes room for it (10, or the control plane's \`--min-ready-seconds\`); 0: at once |
| \`longrun.io/progress-deadline-seconds\` | how long a deployment may be without progress before it fails and is taken back, 10 to 86400; obeyed exactly (600, or as long as the checks need) |
| \`MARATHON_SINGLE_INSTANCE_APP\` | \`true\`: never more than one instance; needs an \`upgradeStrategy\` of 0 and 0 |

A label of marathon-lb that has no effect here is shown at \`/v3/apps/ID/warnings\`, with the reason.`;

const STOP = `A stop goes in this order: the instance leaves the route table; every proxy confirms that; its requests in flight end, or the drain time is over; SIGTERM to its whole
process group; after \`taskKillGracePeriodSeconds\` SIGKILL.`;

export const APP_SECTIONS: readonly AppSection[] = [
  {
    title: 'What runs',
    about:
      'One of: `cmd`, through `/bin/sh -c`; `args`, without a shell; or an image that knows by itself what to run. With an image, `args` are appended to its entry point. With a ' +
      'Docker image the task runs on the Docker Engine of its agent; without one as a process in a sandbox folder and process group of its own.',
    members: ['id', 'cmd', 'args', 'user', 'env', 'fetch', 'tty'],
    after:
      'An id has segments of lower-case letters, digits, dots and inner dashes: `/shop/web-2`; as a whole at most 200 characters. A relative id begins at `/`, in a group at that group. The last segment may not be `restart`, `tasks` or `versions`.',
  },
  {
    title: 'Containers',
    about: 'With an image, or for the ports of bridge and container networks.',
    members: ['container'],
  },
  {
    title: 'How much',
    about: 'What each instance gets. An agent takes an instance only while all of it fits.',
    members: ['instances', 'cpus', 'mem', 'disk', 'resourceLimits'],
  },
  {
    title: 'Where',
    about:
      'Which agents an instance may run on. `GET /v3/apps/ID/explain` says per agent and constraint why it was not taken, and which value would fit.',
    members: ['constraints', 'acceptedResourceRoles', 'role'],
    after: CONSTRAINTS,
  },
  {
    title: 'Network and ports',
    about:
      "Three ways: host (the default; the task listens on the agent's own ports, which it finds in `$PORT0`, `$PORT1`, …), bridge (its ports are published), and container networks (the Docker network of that name). " +
      'Each port also has a service port, the same for all instances, where the proxy listens. Longrun assigns it when it is 0.',
    members: ['networks', 'portDefinitions', 'requirePorts', 'container.portMappings'],
    after: '`portDefinitions` go with host networking, `container.portMappings` with the two others.',
  },
  {
    title: 'Health',
    about:
      'An instance gets traffic when all its health checks are alive. After `maxConsecutiveFailures` it is replaced. Checks are made on the agent of the task. Without checks an instance is healthy while it runs, and ' +
      'gets traffic once its port accepts connections.',
    members: ['healthChecks', 'readinessChecks', 'check'],
  },
  {
    title: 'Changes and failures',
    about:
      'A change of any member but `instances` and `executorResources` replaces all instances, under `upgradeStrategy`. An instance that ends is started again, with a growing delay.',
    members: [
      'upgradeStrategy',
      'dependencies',
      'taskKillGracePeriodSeconds',
      'killSelection',
      'backoffSeconds',
      'backoffFactor',
      'maxLaunchDelaySeconds',
      'unreachableStrategy',
    ],
    after: STOP,
  },
  { title: 'Labels', about: 'Texts of yours. Some have a meaning:', members: ['labels'], after: LABELS },
  {
    title: 'Old forms',
    about: 'Read, so that old files need no change, and shown in the present form only.',
    members: ['uris', 'ports', 'ipAddress', 'container.docker.network', 'container.docker.portMappings'],
    namesOnly: true,
  },
  {
    title: 'Without effect',
    about: 'Read and checked, because old files have them.',
    members: ['executor', 'executorResources', 'residency'],
    namesOnly: true,
  },
  {
    title: 'Not in this version',
    about: 'Refused by name with 422, so that nothing runs without what it needs.',
    members: [
      'gpus',
      'secrets',
      'env.*.secret',
      'container.volumes[].secret',
      'container.volumes[].persistent',
      'container.volumes[].external',
      'container.docker.credential',
      'container.docker.pullConfig',
    ],
    namesOnly: true,
  },
];
