// The schema of containers, their volumes and networks (app.md A4, A5).
import {
  anything,
  decimal,
  filled,
  flag,
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
import { labels, portMapping } from './port-schema.js';

const docker = object({
  image: required(text({ min: 1, max: 1024 })),
  forcePullImage: filled(flag, false),
  privileged: filled(flag, false),
  parameters: filled(list(object({ key: required(text({ min: 1 })), value: required(text()) })), []),
  credential: optional(object({ principal: required(text()), secret: optional(text()) })),
  pullConfig: optional(object({ secret: required(text()) })),
  network: optional(oneOf('BRIDGE', 'HOST', 'NONE', 'USER')),
  portMappings: optional(list(portMapping)),
});

const mode = oneOf('RO', 'RW');
const persistentVolume = object({
  containerPath: required(text()),
  mode: required(mode),
  persistent: required(
    object({
      size: required(integer({ min: 0 })),
      type: optional(oneOf('root', 'path', 'mount')),
      maxSize: optional(integer({ min: 0 })),
      profileName: optional(text({ min: 1 })),
      constraints: filled(list(list(text())), []),
    }),
  ),
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
  containerPath: required(text({ min: 1 })),
  hostPath: required(text({ min: 1 })),
  mode: required(mode),
});

export type VolumeInput =
  | ({ readonly form: 'persistent' } & ReadBy<typeof persistentVolume>)
  | ({ readonly form: 'external' } & ReadBy<typeof externalVolume>)
  | ({ readonly form: 'secret' } & ReadBy<typeof secretVolume>)
  | ({ readonly form: 'host' } & ReadBy<typeof hostVolume>);

/** The members that are there choose the form; without any of them it is a host volume, and its errors are reported. */
const volume: Reader<VolumeInput> = reader(
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

const linuxInfo = object({
  seccomp: optional(object({ profileName: optional(text()), unconfined: filled(flag, false) })),
  ipcInfo: optional(
    object({ mode: required(oneOf('PRIVATE', 'SHARE_PARENT')), shmSize: optional(integer({ min: 0 })) }),
  ),
});

export const container = object({
  type: filled(oneOf('DOCKER', 'MESOS'), 'DOCKER'),
  docker: optional(docker),
  volumes: filled(list(volume), []),
  portMappings: optional(list(portMapping)),
  linuxInfo: optional(linuxInfo),
});
export type ContainerInput = ReadBy<typeof container>;

export const network = object({
  mode: filled(oneOf('host', 'container', 'container/bridge'), 'container'),
  name: optional(text({ min: 1, max: 63, pattern: /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$/ })),
  labels: filled(labels, {}),
});
export type NetworkInput = ReadBy<typeof network>;
