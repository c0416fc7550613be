// The schema of containers (app.md A4).
import {
  filled,
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  required,
  text,
  type ReadBy,
} from './reader.js';
import { portMapping } from './port-schema.js';
import { volume } from './volume-schema.js';

const parameter = object({
  key: required(text({ min: 1 }), 'Long name of an option of docker run.', 'cap-add'),
  value: required(text(), undefined, 'NET_ADMIN'),
});
const docker = object({
  image: required(text({ min: 1, max: 1024 }), undefined, 'nginx:1.25'),
  forcePullImage: filled(flag, false, 'Pull before each start.'),
  privileged: filled(flag, false, 'Type DOCKER only.'),
  parameters: filled(list(parameter), [], 'Type DOCKER only.'),
  credential: optional(object({ principal: required(text()), secret: optional(text()) }), 'Refused.'),
  pullConfig: optional(object({ secret: required(text()) }), 'Not supported.'),
  network: optional(oneOf('BRIDGE', 'HOST', 'NONE', 'USER'), "Old style: 'networks' of the app."),
  portMappings: optional(list(portMapping), "Old style: 'portMappings' of the container."),
});

export const linuxInfo = object({
  seccomp: optional(
    object({
      profileName: optional(text(), 'Exactly one of this and unconfined=true.'),
      unconfined: filled(flag, false),
    }),
  ),
  ipcInfo: optional(
    object({
      mode: required(oneOf('PRIVATE', 'SHARE_PARENT')),
      shmSize: optional(integer({ min: 0 }), 'MiB of /dev/shm; with mode PRIVATE only.', 64),
    }),
  ),
});

export const container = object({
  type: filled(oneOf('DOCKER', 'MESOS'), 'DOCKER', 'Both run on the Docker Engine if there is an image.'),
  docker: optional(docker, 'Mandatory with type DOCKER.'),
  volumes: filled(list(volume), []),
  portMappings: optional(
    list(portMapping),
    'Ports with bridge and container networks. Absent: one; an empty list: none.',
  ),
  linuxInfo: optional(linuxInfo, 'Type MESOS only.'),
});
export type ContainerInput = ReadBy<typeof container>;
