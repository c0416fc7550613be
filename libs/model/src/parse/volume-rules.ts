// Rules of persistent volumes and secrets (app.md A4, A10, A11). Longrun does not support these yet and says so; their own mistakes
// are listed beside that refusal at the paths that Marathon gives, so that a definition is mended once.
import type { AppInput } from './app-schema.js';
import type { VolumeInput } from './volume-schema.js';
import type { Problems } from './problems.js';

type PersistentVolume = Extract<VolumeInput, { form: 'persistent' }>;

export function checkVolumes(app: AppInput, problems: Problems): void {
  const declared = (secret: string): boolean => Object.hasOwn(app.secrets, secret);
  app.container?.volumes.forEach((volume, index) => {
    const path = `/container/volumes(${index})`;
    if (volume.form === 'persistent') checkPersistent(volume, path, problems);
    if (volume.form === 'secret' && !declared(volume.secret)) problems.add(path, UNDECLARED);
  });
  for (const [name, value] of Object.entries(app.env)) {
    if (typeof value !== 'string' && !declared(value.secret)) problems.add(`/env/${name}/secret`, UNDECLARED);
  }
  if (app.container?.volumes.some(({ form }) => form === 'persistent')) checkResident(app, problems);
}

const UNDECLARED = 'references an undefined secret';

function checkPersistent(
  { containerPath, mode, persistent }: PersistentVolume,
  path: string,
  problems: Problems,
): void {
  if (/^(?:|\.|\.\.|.*\/.*)$/s.test(containerPath)) {
    problems.add(`${path}/containerPath`, "must be one name without a slash, and not '.' or '..'");
  }
  if (mode !== 'RW') problems.add(`${path}/mode`, 'must be RW for a persistent volume');
  checkPersistentSettings(persistent, path, problems);
}

/** Also for the volumes of pods. */
export function checkPersistentSettings(
  { size, type, maxSize, profileName, constraints }: PersistentVolume['persistent'],
  path: string,
  problems: Problems,
): void {
  if (size <= 0) problems.add(`${path}/persistent/size`, 'must be more than 0');
  const fail = (text: string): void => problems.add(`${path}/persistent`, text);
  const kind = type ?? (profileName === undefined ? 'root' : 'mount');
  if (maxSize !== undefined && kind !== 'mount') fail('maxSize is possible for mount volumes only');
  if (maxSize !== undefined && maxSize <= size) fail('maxSize must be more than size');
  if (!constraints.length) return;
  if (kind === 'root') fail('constraints are not possible for root volumes');
  const isKnown = ([field, operator, pattern, ...more]: readonly string[]): boolean =>
    field === 'path' && operator?.toUpperCase() === 'LIKE' && pattern !== undefined && !more.length;
  if (!constraints.every(isKnown)) fail('a constraint must be ["path", "LIKE", a regular expression]');
}

/** A service with a persistent volume is tied to it. */
function checkResident({ upgradeStrategy, unreachableStrategy, role }: AppInput, problems: Problems): void {
  if (upgradeStrategy && upgradeStrategy.maximumOverCapacity !== 0) {
    problems.add('/upgradeStrategy/maximumOverCapacity', 'must be 0 with a persistent volume');
  }
  const isDefault =
    unreachableStrategy !== 'disabled' &&
    unreachableStrategy.inactiveAfterSeconds === 0 &&
    unreachableStrategy.expungeAfterSeconds === 0;
  if (unreachableStrategy !== 'disabled' && !isDefault) {
    problems.add('/', '\'unreachableStrategy\' must be "disabled" with a persistent volume');
  }
  if (role === '' || role === '*') problems.add('/role', 'must not be * with a persistent volume');
}
