// From a wish of a scenario to the body that a person would send: the real parser and the real commands read it.
import type { AppWish } from './scenario.js';

/** Agents hand out host ports from here upwards, as many as their size says; fixed host ports of wishes lie there too. */
export const FIRST_HOST_PORT = 31_000;
/** What the tasks listen on inside of a container, one port after another. */
export const FIRST_CONTAINER_PORT = 8080;

/** The body of `PUT /v2/apps/ID`. Every wish makes a valid one: checks that need a port are left out where there is none. */
export function toDefinition(app: string, wish: AppWish): object {
  const { release, behaviour } = wish;
  return {
    id: app,
    instances: wish.instances,
    cpus: wish.cpus,
    mem: wish.mem,
    // the tasks read these; so do the texts of a failing run
    env: { BEHAVIOUR: behaviour, RELEASE: String(release) },
    ...(wish.runtime === 'docker' ? containerOf(app, wish) : processOf(wish)),
    healthChecks: healthChecksOf(wish),
    readinessChecks: wish.readiness && wish.ports > 0 ? [readinessCheckOf(release)] : [],
    upgradeStrategy: {
      minimumHealthCapacity: wish.minimumHealthCapacity,
      maximumOverCapacity: wish.maximumOverCapacity,
    },
    constraints: constraintsOf(wish.constraint),
    backoffSeconds: 1,
    backoffFactor: 1.5,
    maxLaunchDelaySeconds: wish.maxLaunchDelaySeconds,
    taskKillGracePeriodSeconds: wish.killGraceSeconds,
    labels: {
      'longrun.io/drain-seconds': String(wish.drainSeconds),
      'longrun.io/progress-deadline-seconds': String(wish.progressDeadlineSeconds),
      'longrun.io/min-ready-seconds': String(wish.minReadySeconds),
    },
  };
}

const nameOf = (index: number): string => `port${index}`;
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** Host networking: a fixed host port takes the following ones for the other ports. */
function processOf({ ports, hostPort, release }: AppWish): object {
  return {
    cmd: `exec ./serve --release ${release}`,
    requirePorts: hostPort > 0 && ports > 0,
    portDefinitions: numbers(ports).map((index) => ({
      port: hostPort > 0 ? hostPort + index : 0,
      name: nameOf(index),
    })),
  };
}

function containerOf(app: string, { ports, hostPort, release, behaviour }: AppWish): object {
  return {
    networks: [{ mode: 'container/bridge' }],
    container: {
      type: 'DOCKER',
      docker: { image: `registry.example${app}:${behaviour}-${release}` },
      portMappings: numbers(ports).map((index) => ({
        containerPort: FIRST_CONTAINER_PORT + index,
        hostPort: hostPort > 0 && index === 0 ? hostPort : 0,
        name: nameOf(index),
      })),
    },
  };
}

/** Intervals and grace periods go with the release, so that every kind of them occurs. */
function healthChecksOf({ health, ports, release, behaviour }: AppWish): readonly object[] {
  const needsPort = health === 'http' || health === 'tcp';
  if (health === 'none' || (needsPort && ports === 0)) return [];
  const intervalSeconds = [5, 7, 10, 2][release % 4] ?? 5;
  const times = {
    // a task that is ready after half a minute is not to be killed before
    gracePeriodSeconds: behaviour === 'slow' ? 30 : ([15, 30, 10, 5][release % 4] ?? 15),
    intervalSeconds,
    timeoutSeconds: Math.min(5, intervalSeconds),
    maxConsecutiveFailures: 3,
  };
  // the two families count failures differently (max + 1, and max)
  const isMesos = release % 2 === 1;
  switch (health) {
    case 'http':
      return [{ protocol: isMesos ? 'MESOS_HTTP' : 'HTTP', path: '/health', portIndex: 0, ...times }];
    case 'tcp':
      return [{ protocol: isMesos ? 'MESOS_TCP' : 'TCP', portIndex: 0, ...times }];
    case 'command':
      return [{ protocol: 'COMMAND', command: { value: './check' }, ...times }];
  }
}

const readinessCheckOf = (release: number): object => ({
  name: 'ready',
  protocol: 'HTTP',
  path: '/ready',
  portName: nameOf(0),
  intervalSeconds: [3, 5][release % 2] ?? 3,
  timeoutSeconds: 2,
});

function constraintsOf(constraint: AppWish['constraint']): readonly (readonly string[])[] {
  switch (constraint) {
    case 'none':
      return [];
    case 'unique':
      return [['hostname', 'UNIQUE']];
    case 'max-per-2':
      return [['hostname', 'MAX_PER', '2']];
    case 'group-by-zone':
      return [['@zone', 'GROUP_BY']];
  }
}
