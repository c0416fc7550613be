// The schema of an app's volumes (app.md A4).
import {
  anything,
  decimal,
  filled,
  integer,
  isObject,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  reader,
  required,
  schemaOf,
  text,
  type ReadBy,
  type Reader,
} from './reader.js';

const INSIDE = 'Path in the container; without an image, in the sandbox.';
const inside = required(text(), INSIDE, '/etc/site');
const withMode = required(oneOf('RO', 'RW'), 'May only be read, or written too.', 'RO');
export const persistentSettings = object({
  size: required(integer({ min: 0 }), 'MiB'),
  type: optional(oneOf('root', 'path', 'mount'), 'Where it is kept.'),
  maxSize: optional(integer({ min: 0 }), 'MiB; type mount only.'),
  profileName: optional(text({ min: 1 }), 'Storage profile.'),
  constraints: filled(list(list(text())), [], 'On the disk.'),
});
const persistentVolume = object({
  containerPath: inside,
  mode: withMode,
  persistent: required(persistentSettings, 'Not supported: mount a folder of the agent by hostPath.'),
});
const externalVolume = object({
  containerPath: inside,
  mode: withMode,
  external: required(
    object({
      name: optional(text(), 'Name of the volume.'),
      provider: optional(text(), 'dvdi or csi.'),
      size: optional(decimal({ min: 0 }), 'MiB'),
      options: optional(mapOf(anything), 'Of the driver.'),
    }),
    'Not supported: mount it on the agents, and then by hostPath.',
  ),
});
const secretVolume = object({
  containerPath: inside,
  secret: required(text(), 'Not supported: mount a file of the agent by hostPath.'),
});
const hostVolume = object({
  containerPath: required(text({ min: 1 }), INSIDE, '/etc/site'),
  hostPath: required(text({ min: 1 }), 'On the agent; relative: to the sandbox.', '/srv/site'),
  mode: withMode,
});

export type VolumeInput =
  | ({ readonly form: 'persistent' } & ReadBy<typeof persistentVolume>)
  | ({ readonly form: 'external' } & ReadBy<typeof externalVolume>)
  | ({ readonly form: 'secret' } & ReadBy<typeof secretVolume>)
  | ({ readonly form: 'host' } & ReadBy<typeof hostVolume>);

/** The members that are there choose the form; without any of them it is a host volume, and its errors are reported. */
export const volume: Reader<VolumeInput> = reader(
  { anyOf: [hostVolume, persistentVolume, externalVolume, secretVolume].map(schemaOf) },
  (value, path, problems) => {
    const has = (name: string): boolean =>
      isObject(value) && Object.hasOwn(value, name) && value[name] !== null && value[name] !== undefined;
    if (has('persistent')) return tagged('persistent', persistentVolume(value, path, problems));
    if (has('external')) return tagged('external', externalVolume(value, path, problems));
    if (has('secret')) return tagged('secret', secretVolume(value, path, problems));
    return tagged('host', hostVolume(value, path, problems));
  },
);
const tagged = <F extends string, T extends object>(
  form: F,
  read: T | undefined,
): (T & { readonly form: F }) | undefined => (read === undefined ? undefined : { form, ...read });
