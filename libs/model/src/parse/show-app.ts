// An app definition as the API writes it: Marathon's present form, never the old members, and its policy of which empty members
// are left out (api.md 3.3, clients.md "App."). What is shown can be posted again and reads as the same definition.
import type { AppSpec, Container, HealthCheck } from '../app-spec.js';

export type ShownApp = Readonly<Record<string, unknown>>;

/** A plain JSON object without `version`, counters or embeds. */
export function showApp(spec: AppSpec): ShownApp {
  const { constraints, healthChecks, dependencies, unreachableStrategy } = spec;
  return {
    id: spec.id,
    ...(spec.acceptedResourceRoles ? { acceptedResourceRoles: spec.acceptedResourceRoles } : {}),
    ...(spec.args?.length ? { args: spec.args } : {}),
    backoffFactor: spec.backoffFactor,
    backoffSeconds: spec.backoffSeconds,
    ...(spec.check ? { check: spec.check } : {}),
    ...(spec.cmd === undefined ? {} : { cmd: spec.cmd }),
    ...(constraints.length ? { constraints: constraints.map(showConstraint) } : {}),
    ...(spec.container ? { container: showContainer(spec.container) } : {}),
    cpus: spec.cpus,
    ...(dependencies.length ? { dependencies } : {}),
    disk: spec.disk,
    ...(Object.keys(spec.env).length ? { env: spec.env } : {}),
    executor: spec.executor ?? '',
    ...(spec.executorResources ? { executorResources: spec.executorResources } : {}),
    ...(spec.fetch?.length ? { fetch: spec.fetch } : {}),
    gpus: 0,
    ...(healthChecks.length ? { healthChecks: healthChecks.map(showHealthCheck) } : {}),
    instances: spec.instances,
    killSelection: spec.killSelection,
    labels: spec.labels,
    maxLaunchDelaySeconds: spec.maxLaunchDelaySeconds,
    mem: spec.mem,
    networks: spec.networks,
    ...(spec.portDefinitions ? { portDefinitions: spec.portDefinitions } : {}),
    ...(spec.readinessChecks?.length ? { readinessChecks: spec.readinessChecks } : {}),
    requirePorts: spec.requirePorts,
    ...(spec.resourceLimits ? { resourceLimits: spec.resourceLimits } : {}),
    role: spec.role,
    ...(spec.taskKillGracePeriodSeconds === undefined
      ? {}
      : { taskKillGracePeriodSeconds: spec.taskKillGracePeriodSeconds }),
    ...(spec.tty === undefined ? {} : { tty: spec.tty }),
    unreachableStrategy,
    upgradeStrategy: spec.upgradeStrategy,
    ...(spec.user === undefined ? {} : { user: spec.user }),
  };
}

const showConstraint = ({ field, operator, value }: AppSpec['constraints'][number]): readonly string[] =>
  value === undefined ? [field, operator] : [field, operator, value];

const showContainer = ({ type, docker, volumes, portMappings, linuxInfo }: Container): ShownApp => ({
  type,
  ...(docker ? { docker } : {}),
  volumes,
  ...(portMappings ? { portMappings } : {}),
  ...(linuxInfo ? { linuxInfo } : {}),
});

const showHealthCheck = (check: HealthCheck): ShownApp => ({ ...check });
