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

const mode = oneOf('RO', 'RW');
export const persistentSettings = object({
  size: required(integer({ min: 0 }), 'MiB'),
  type: optional(oneOf('root', 'path', 'mount')),
  maxSize: optional(integer({ min: 0 })),
  profileName: optional(text({ min: 1 })),
  constraints: filled(list(list(text())), []),
});
const persistentVolume = object({
  containerPath: required(text()),
  mode: required(mode),
  persistent: required(persistentSettings, 'Not supported.'),
});
const externalVolume = object({
  containerPath: required(text()),
  mode: required(mode),
  external: required(
    object({
      name: optional(text()),
      provider: optional(text()),
      size: optional(decimal({ min: 0 })),
      options: optional(mapOf(anything)),
    }),
  ),
});
const secretVolume = object({ containerPath: required(text()), secret: required(text()) });
const hostVolume = object({
  containerPath: required(text({ min: 1 }), undefined, '/etc/site'),
  hostPath: required(text({ min: 1 }), 'On the agent; relative: to the sandbox.', '/srv/site'),
  mode: required(mode),
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
