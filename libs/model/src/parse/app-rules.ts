// Rules about single members and between members of an app (app.md A1-A3, A9, A11) that belong to no larger subject.
import type { AppId } from '../ids.js';
import type { AppInput } from './app-schema.js';
import { appIdFault, idFault } from './app-id.js';
import type { Problems } from './problems.js';
import { isRoleName, ROLE_FAULT } from './role-names.js';

/** `id` and `dependencies` in absolute form. */
export function checkIds(id: AppId, dependencies: readonly AppId[], problems: Problems): void {
  const fault = appIdFault(id);
  if (fault !== null) problems.add('/id', fault);
  if (id === '/') problems.add('/', 'must not be root');
  dependencies.forEach((dependency, index) => {
    const wrong = idFault(dependency);
    if (wrong !== null) problems.add(`/dependencies(${index})`, wrong);
    else if (dependency === id) problems.add('/', `has a dependency cycle: it depends on itself (${id})`);
  });
}

/** Exactly one of a command, arguments and an image of its own must say what runs (app.md A3). */
export function checkCommand({ cmd, args, container }: AppInput, problems: Problems): void {
  if (container?.type === 'DOCKER' && !container.docker) problems.add('/container/docker', 'not defined');
  const hasArgs = (args?.length ?? 0) > 0;
  const isClear = cmd === undefined ? hasArgs || container?.docker !== undefined : !hasArgs;
  if (!isClear) {
    problems.add('/', "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.");
  }
  if (cmd !== undefined && cmd.length < 2) problems.add('/', "'cmd' must be longer than one character");
}

export function checkNames(app: AppInput, problems: Problems): void {
  const emptyKey = (names: readonly string[], path: string): void => {
    const at = names.indexOf('');
    if (at >= 0) problems.add(`${path}/keys(${at})`, 'must not be empty');
  };
  emptyKey(Object.keys(app.env), '/env');
  emptyKey(Object.keys(app.secrets), '/secrets');
  if (app.role !== '' && !isRoleName(app.role)) problems.add('/role', ROLE_FAULT);
  const accepted = app.acceptedResourceRoles;
  if (accepted && (!accepted.length || !accepted.every(isRoleName))) {
    problems.add('/acceptedResourceRoles', accepted.length ? ROLE_FAULT : 'must not be empty');
  }
}

export function checkStrategies(app: AppInput, problems: Problems): void {
  const unreachable = app.unreachableStrategy;
  if (unreachable !== 'disabled' && unreachable.inactiveAfterSeconds > unreachable.expungeAfterSeconds) {
    problems.add('/unreachableStrategy/inactiveAfterSeconds', 'must not be more than expungeAfterSeconds');
  }
  const { labels, upgradeStrategy } = app;
  if (labelOf(labels, 'MARATHON_SINGLE_INSTANCE_APP') === 'true') {
    const because = 'with the label MARATHON_SINGLE_INSTANCE_APP=true';
    if (app.instances > 1) problems.add('/', `must not have more than one instance ${because}`);
    for (const member of ['minimumHealthCapacity', 'maximumOverCapacity'] as const) {
      if (upgradeStrategy?.[member] !== 0) problems.add(`/upgradeStrategy/${member}`, `must be 0 ${because}`);
    }
  }
  const migration = labelOf(labels, 'DCOS_MIGRATION_API_VERSION');
  if (!migration) return;
  if (migration !== 'v1') problems.add('/', 'the label DCOS_MIGRATION_API_VERSION must be v1');
  for (const name of ['DCOS_PACKAGE_FRAMEWORK_NAME', 'DCOS_MIGRATION_API_PATH']) {
    if (!labelOf(labels, name)) problems.add('/', `DCOS_MIGRATION_API_VERSION needs the label ${name}`);
  }
}

const labelOf = (labels: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(labels, name) ? labels[name] : undefined;

/** Hard limits are not below what is asked for. */
export function checkResourceLimits({ resourceLimits, ...app }: AppInput, problems: Problems): void {
  for (const member of ['cpus', 'mem'] as const) {
    const limit = resourceLimits?.[member];
    if (limit === undefined || limit === 'unlimited' || limit >= app[member]) continue;
    problems.add(`/resourceLimits/${member}`, `must be "unlimited" or at least '${member}' (${app[member]})`);
  }
}
