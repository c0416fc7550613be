// From anything to an app definition in canonical form, or to all problems of the first stage that has any (api.md 1.2):
// the schema; members of the old and the new style that exclude one another; then the rules, all of them together.
// What comes out is complete: defaults filled in, old style translated, relative ids made absolute, service ports still as given.
import type { AppSpec, Container } from '../app-spec.js';
import { asAppId, type AppId } from '../ids.js';
import { resolveId, ROOT_ID } from './app-id.js';
import { checkCommand, checkIds, checkNames, checkOthers, checkStrategies } from './app-rules.js';
import { appSchema, type AppInput } from './app-schema.js';
import { checkHealthChecks, checkOtherChecks, healthChecksOf } from './check-rules.js';
import { constraintsOf } from './constraint-rules.js';
import { checkLimits } from './limits.js';
import { checkNetworks, checkOldAgainstNew, networkModeOf, type NetworkMode } from './network-rules.js';
import { checkPorts, portsOfInput, type AppPorts } from './port-rules.js';
import { Problems, type ProblemList } from './problems.js';
import { isObject } from './reader.js';
import { refuseUnsupported } from './unsupported.js';
import { checkVolumes } from './volume-rules.js';

export type ParsedApp = { readonly kind: 'ok'; readonly spec: AppSpec } | ProblemList;

export interface ParseContext {
  /** Where relative ids (of the app and of its dependencies) start: the enclosing group; the root if absent. */
  readonly base?: AppId;
  /** The id of the URL; one in the body is ignored then. */
  readonly id?: AppId;
  /** Of apps that name no role: that of the group above; `*` if absent (app.md A9). */
  readonly defaultRole?: string;
}

/** Reads an app definition (app.md part A). Never throws, whatever the input; `input` is not changed. */
export function parseApp(
  input: unknown,
  { base = ROOT_ID, id, defaultRole = '*' }: ParseContext = {},
): ParsedApp {
  const found = new Problems();
  const app = appSchema(id !== undefined && isObject(input) ? { ...input, id } : input, '', found);
  if (found.any || !app) return found.as('schema');
  checkOldAgainstNew(app, found);
  if (found.any) return found.as('rules');

  const mode = networkModeOf(app);
  const ports = portsOfInput(app, mode);
  const appId = resolveId(app.id, base);
  const dependencies = [...new Set(app.dependencies.map((each) => resolveId(each, base)))];
  const constraints = constraintsOf(app.constraints, found);
  checkIds(appId, dependencies, found);
  checkCommand(app, found);
  checkNames(app, found);
  checkStrategies(app, found);
  checkNetworks(app, found);
  checkPorts(ports, found);
  checkHealthChecks(app, ports, found);
  checkOtherChecks(app, ports, found);
  checkOthers(app, found);
  checkVolumes(app, found);
  checkLimits(app, found);
  refuseUnsupported(app, found);
  if (found.any) return found.as('rules');
  return {
    kind: 'ok',
    spec: specOf(app, { id: appId, dependencies, constraints, mode, ports, defaultRole }),
  };
}

interface Derived {
  readonly id: AppId;
  readonly dependencies: readonly AppId[];
  readonly constraints: AppSpec['constraints'];
  readonly mode: NetworkMode;
  readonly ports: AppPorts;
  readonly defaultRole: string;
}

/** Only for input that passed every rule. */
function specOf(
  app: AppInput,
  { id, dependencies, constraints, mode, ports, defaultRole }: Derived,
): AppSpec {
  const isHost = mode === 'host';
  return {
    id: asAppId(id),
    ...(app.cmd === undefined ? {} : { cmd: app.cmd }),
    ...(app.args?.length ? { args: app.args } : {}),
    env: textsOf(app.env),
    instances: app.instances,
    cpus: app.cpus,
    mem: app.mem,
    disk: app.disk,
    constraints,
    networks: [{ mode: isHost ? 'host' : 'container/bridge' }],
    ...(ports.kind === 'definitions' ? { portDefinitions: ports.ports } : {}),
    requirePorts: isHost && app.requirePorts,
    ...(app.container ? { container: containerOf(app.container, ports) } : {}),
    healthChecks: healthChecksOf(app.healthChecks),
    labels: app.labels,
    upgradeStrategy: app.upgradeStrategy ?? { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    backoffSeconds: app.backoffSeconds,
    backoffFactor: app.backoffFactor,
    maxLaunchDelaySeconds: app.maxLaunchDelaySeconds,
    ...(app.taskKillGracePeriodSeconds === undefined
      ? {}
      : { taskKillGracePeriodSeconds: app.taskKillGracePeriodSeconds }),
    dependencies,
    killSelection: app.killSelection,
    unreachableStrategy: app.unreachableStrategy,
    role: app.role === '' ? defaultRole : app.role,
    ...(app.acceptedResourceRoles ? { acceptedResourceRoles: [...new Set(app.acceptedResourceRoles)] } : {}),
  };
}

function containerOf(input: NonNullable<AppInput['container']>, ports: AppPorts): Container {
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
    ...(ports.kind === 'mappings' ? { portMappings: ports.ports } : {}),
  };
}

/** References to secrets have been refused before. */
function textsOf(env: AppInput['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
