// Rules of a pod as a whole and of its volumes (app.md B1, B3), at Marathon's paths.
import { piece } from '../piece.js';
import { checkLinuxInfo } from './linux-rules.js';
import { constraintsOf } from './constraint-rules.js';
import { checkNetworkList } from './network-rules.js';
import type { PodInput } from './pod-schema.js';
import type { Problems } from './problems.js';
import { isRoleName, ROLE_FAULT } from './role-names.js';
import { checkPersistentSettings } from './volume-rules.js';

export function checkPod(pod: PodInput, problems: Problems): void {
  checkNetworkList(pod.networks, (text) => problems.add('/networks', text));
  const { placement, unreachableStrategy } = pod.scheduling ?? {};
  const lists = (placement?.constraints ?? []).map(({ fieldName, operator, value }) =>
    value === undefined ? [fieldName, operator] : [fieldName, operator, value],
  );
  constraintsOf(lists, problems, '/scheduling/placement/constraints');
  if (!(placement?.acceptedResourceRoles ?? []).every(isRoleName)) {
    problems.add('/acceptedResourceRoles', ROLE_FAULT);
  }
  if (pod.role !== '' && !isRoleName(pod.role)) problems.add('/role', ROLE_FAULT);
  if (
    unreachableStrategy !== undefined &&
    unreachableStrategy !== 'disabled' &&
    unreachableStrategy.inactiveAfterSeconds > unreachableStrategy.expungeAfterSeconds
  ) {
    const path = '/scheduling/unreachableStrategy/inactiveAfterSeconds';
    problems.add(path, 'must not be more than expungeAfterSeconds');
  }
  checkSecrets(pod, problems);
  checkLinux(pod, problems);
}

const NO_SECRETS = 'secrets are not supported yet by this version of Longrun. Give the value as text.';

function checkSecrets({ secrets, environment, containers, volumes }: PodInput, problems: Problems): void {
  if (Object.hasOwn(secrets, '')) {
    problems.add(`/secrets/keys(${Object.keys(secrets).indexOf('')})`, 'must not be empty');
  }
  if (Object.keys(secrets).length) problems.add('/secrets', NO_SECRETS);
  const checkEnvironment = (of: PodInput['environment'], path: string): void => {
    for (const [name, value] of Object.entries(of)) {
      if (typeof value === 'string') continue;
      problems.add(path, NO_SECRETS);
      if (!Object.hasOwn(secrets, value.secret)) {
        problems.add(`${path}/${name}/secret`, 'references an undefined secret');
      }
    }
  };
  checkEnvironment(environment, '/environment');
  containers.forEach((each, index) => {
    checkEnvironment(each.environment, `/containers(${index})/environment`);
    if (each.image?.pullConfig) problems.add(`/containers(${index})/image/pullConfig`, NO_SECRETS);
  });
  volumes.forEach(({ form }, index) => {
    if (form === 'secret') problems.add(`/volumes(${index})`, NO_SECRETS);
  });
}

function checkLinux({ linuxInfo, legacySharedCgroups, containers }: PodInput, problems: Problems): void {
  if (linuxInfo?.seccomp !== undefined) {
    problems.add('/linuxInfo/seccomp', 'is possible in a container only: move it there');
  }
  if (linuxInfo?.ipcInfo) checkLinuxInfo({ ipcInfo: linuxInfo.ipcInfo }, '/linuxInfo', problems);
  if (legacySharedCgroups !== true) return;
  containers.forEach(({ resourceLimits }, index) => {
    if (!resourceLimits) return;
    problems.add(`/containers(${index})/resourceLimits`, 'is not possible with legacySharedCgroups');
  });
}

/** Names are unique, and each volume is mounted by some container. */
export function checkPodVolumes(pod: PodInput, problems: Problems): void {
  const { volumes, containers } = pod;
  const names = volumes.map(({ name }) => name);
  if (new Set(names).size < names.length) problems.add('/volumes', 'names of volumes must be different');
  const mounted = new Set(containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name)));
  volumes.forEach((volume, index) => {
    const path = `/volumes(${index})`;
    if (!mounted.has(volume.name))
      problems.add(path, `no container mounts the volume '${piece(volume.name)}'`);
    if (volume.form === 'persistent') checkPersistentSettings(volume.persistent, path, problems);
  });
  if (volumes.some(({ form }) => form === 'persistent')) checkResident(pod, problems);
}

/** The paths are Marathon's, without the members in between. */
function checkResident({ scheduling, role }: PodInput, problems: Problems): void {
  const { unreachableStrategy: unreachable, upgrade, placement } = scheduling ?? {};
  if (unreachable !== undefined && unreachable !== 'disabled') {
    problems.add('/', '\'unreachableStrategy\' must be "disabled" with a persistent volume');
  }
  if ((upgrade?.maximumOverCapacity ?? 0) !== 0) {
    problems.add('/upgrade/maximumOverCapacity', 'must be 0 with a persistent volume');
  }
  const accepted = placement?.acceptedResourceRoles ?? [];
  if (accepted.some((each) => each !== '*')) {
    problems.add('/acceptedResourceRoles', 'must be ["*"] with a persistent volume');
  }
  if (role === '' || role === '*') problems.add('/role', 'must not be * with a persistent volume');
}
