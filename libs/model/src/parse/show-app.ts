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
    ...(spec.cmd === undefined ? {} : { cmd: spec.cmd }),
    ...(constraints.length ? { constraints: constraints.map(showConstraint) } : {}),
    ...(spec.container ? { container: showContainer(spec.container) } : {}),
    cpus: spec.cpus,
    ...(dependencies.length ? { dependencies } : {}),
    disk: spec.disk,
    ...(Object.keys(spec.env).length ? { env: spec.env } : {}),
    executor: '',
    gpus: 0,
    ...(healthChecks.length ? { healthChecks: healthChecks.map(showHealthCheck) } : {}),
    instances: spec.instances,
    killSelection: spec.killSelection,
    labels: spec.labels,
    maxLaunchDelaySeconds: spec.maxLaunchDelaySeconds,
    mem: spec.mem,
    networks: spec.networks,
    ...(spec.portDefinitions ? { portDefinitions: spec.portDefinitions } : {}),
    requirePorts: spec.requirePorts,
    role: spec.role,
    ...(spec.taskKillGracePeriodSeconds === undefined
      ? {}
      : { taskKillGracePeriodSeconds: spec.taskKillGracePeriodSeconds }),
    unreachableStrategy,
    upgradeStrategy: spec.upgradeStrategy,
  };
}

const showConstraint = ({ field, operator, value }: AppSpec['constraints'][number]): readonly string[] =>
  value === undefined ? [field, operator] : [field, operator, value];

const showContainer = ({ type, docker, volumes, portMappings }: Container): ShownApp => ({
  type,
  ...(docker ? { docker } : {}),
  volumes,
  ...(portMappings ? { portMappings } : {}),
});

const showHealthCheck = (check: HealthCheck): ShownApp => ({ ...check });
