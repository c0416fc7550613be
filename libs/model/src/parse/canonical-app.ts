// The canonical form of an app that passed every rule: defaults filled in, old style translated, what says nothing left out.
import type { AppSpec, Container, Network } from '../app-spec.js';
import { asAppId, type AppId } from '../ids.js';
import type { AppInput } from './app-schema.js';
import { agentCheckOf, healthChecksOf, readinessCheckOf } from './check-rules.js';
import { downloadsOf } from './fetch-rules.js';
import { linuxInfoOf } from './linux-rules.js';
import type { AppPorts } from './port-rules.js';

/** What the rules have made of the input already. */
interface Derived {
  readonly id: AppId;
  readonly dependencies: readonly AppId[];
  readonly constraints: AppSpec['constraints'];
  readonly networks: readonly Network[];
  readonly ports: AppPorts;
  readonly defaultRole: string;
}

export function canonicalApp(
  app: AppInput,
  { id, dependencies, constraints, networks, ports, defaultRole }: Derived,
): AppSpec {
  const container = containerOf(app.container, ports);
  return {
    id: asAppId(id),
    ...(app.cmd === undefined ? {} : { cmd: app.cmd }),
    ...(app.args?.length ? { args: app.args } : {}),
    ...optionalsOf(app),
    env: textsOf(app.env),
    instances: app.instances,
    cpus: app.cpus,
    mem: app.mem,
    disk: app.disk,
    constraints,
    networks,
    ...(ports.kind === 'definitions' ? { portDefinitions: ports.ports } : {}),
    requirePorts: ports.kind === 'definitions' && app.requirePorts,
    ...(container ? { container } : {}),
    healthChecks: healthChecksOf(app.healthChecks),
    labels: app.labels,
    upgradeStrategy: app.upgradeStrategy ?? { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    backoffSeconds: app.backoffSeconds,
    backoffFactor: app.backoffFactor,
    maxLaunchDelaySeconds: app.maxLaunchDelaySeconds,
    dependencies,
    killSelection: app.killSelection,
    unreachableStrategy: app.unreachableStrategy,
    role: app.role === '' ? defaultRole : app.role,
  };
}

/** Members that are absent when unset, and when they say no more than that. An empty `user` is none: forms send it. */
function optionalsOf(app: AppInput): Partial<AppSpec> {
  const { user, executor, executorResources, resourceLimits, tty, check } = app;
  const fetch = downloadsOf(app);
  return {
    ...(user ? { user } : {}),
    ...(executor ? { executor } : {}),
    ...(executorResources ? { executorResources } : {}),
    ...(resourceLimits && Object.keys(resourceLimits).length ? { resourceLimits } : {}),
    ...(fetch.length ? { fetch } : {}),
    ...(check ? { check: agentCheckOf(check) } : {}),
    ...(app.readinessChecks.length ? { readinessChecks: app.readinessChecks.map(readinessCheckOf) } : {}),
    ...(app.taskKillGracePeriodSeconds === undefined
      ? {}
      : { taskKillGracePeriodSeconds: app.taskKillGracePeriodSeconds }),
    ...(app.acceptedResourceRoles ? { acceptedResourceRoles: [...new Set(app.acceptedResourceRoles)] } : {}),
    ...(tty === undefined ? {} : { tty }),
  };
}

/** Ports that are mapped belong to a container, so without one there is an empty one of type MESOS (app.md A6). */
function containerOf(input: AppInput['container'], ports: AppPorts): Container | undefined {
  const portMappings = ports.kind === 'mappings' ? { portMappings: ports.ports } : {};
  if (!input) return ports.kind === 'mappings' ? { type: 'MESOS', volumes: [], ...portMappings } : undefined;
  const { docker } = input;
  return {
    type: input.type,
    ...(docker
      ? {
          docker: {
            image: docker.image,
            forcePullImage: docker.forcePullImage,
            privileged: docker.privileged,
            parameters: docker.parameters,
          },
        }
      : {}),
    volumes: input.volumes.flatMap((each) =>
      each.form === 'host'
        ? [{ containerPath: each.containerPath, hostPath: each.hostPath, mode: each.mode }]
        : [],
    ),
    ...portMappings,
    ...linuxInfoOf(input),
  };
}

/** References to secrets have been refused before. */
function textsOf(env: AppInput['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
