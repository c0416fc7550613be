// App definitions for specs: complete and valid, with the defaults of app.md A1 as far as they exist. A spec names only the members
// it is about, so that a new member of the model is added here once and not in every spec.
import { asAppId, timestampOf } from '#libs/model';
import type { AppSpec, AppVersion, HealthCheck, PortDefinition, ReadinessCheck } from '#libs/model';

/** Epoch ms at which everything was built, unless a spec says otherwise. */
export const BUILT_AT = 1_700_000_000_000;

/** TCP at service port 10000, any host port. */
export const aPortDefinition = (more: Partial<PortDefinition> = {}): PortDefinition => ({
  port: 10_000,
  protocol: 'tcp',
  labels: {},
  ...more,
});

/** HTTP with Marathon's defaults; it names neither path nor port. */
export const aHealthCheck = (more: Partial<HealthCheck> = {}): HealthCheck => ({
  protocol: 'HTTP',
  gracePeriodSeconds: 300,
  intervalSeconds: 60,
  timeoutSeconds: 20,
  maxConsecutiveFailures: 3,
  delaySeconds: 15,
  ignoreHttp1xx: false,
  ipProtocol: 'IPv4',
  ...more,
});

/** HTTP with Marathon's defaults, asked at the port `http`. */
export const aReadinessCheck = (more: Partial<ReadinessCheck> = {}): ReadinessCheck => ({
  name: 'readinessCheck',
  protocol: 'HTTP',
  path: '/',
  portName: 'http',
  intervalSeconds: 30,
  timeoutSeconds: 10,
  httpStatusCodesForReady: [200],
  preserveLastResponse: false,
  ...more,
});

/** `/web`: one instance of a command with one port, host networking, no health check. */
export const anAppSpec = (more: Partial<AppSpec> = {}): AppSpec => ({
  id: asAppId('/web'),
  cmd: './serve',
  env: {},
  instances: 1,
  cpus: 1,
  mem: 128,
  disk: 0,
  constraints: [],
  networks: [{ mode: 'host' }],
  portDefinitions: [aPortDefinition()],
  requirePorts: false,
  healthChecks: [],
  labels: {},
  upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
  backoffSeconds: 1,
  backoffFactor: 1.15,
  maxLaunchDelaySeconds: 300,
  dependencies: [],
  killSelection: 'YOUNGEST_FIRST',
  unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
  role: '*',
  ...more,
});

/** The first version of `spec`: all three times are `at` (epoch ms). */
export function aVersion(spec: AppSpec = anAppSpec(), at = BUILT_AT): AppVersion {
  const version = timestampOf(at);
  return { spec, version, lastScalingAt: version, lastConfigChangeAt: version };
}
