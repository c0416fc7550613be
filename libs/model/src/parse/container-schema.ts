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
  value: required(text(), 'Its value.', 'NET_ADMIN'),
});
const docker = object({
  image: required(text({ min: 1, max: 1024 }), 'Image, as for docker run.', 'nginx:1.25'),
  forcePullImage: filled(flag, false, 'Pull before each start.'),
  privileged: filled(flag, false, 'Type DOCKER only.'),
  parameters: filled(list(parameter), [], 'Type DOCKER only.'),
  credential: optional(
    object({ principal: required(text(), 'User.'), secret: optional(text(), 'Password.') }),
    'Refused: log the agents in with docker login.',
  ),
  pullConfig: optional(
    object({ secret: required(text(), 'Name of a declared secret.') }),
    'Not supported: log the agents in with docker login.',
  ),
  network: optional(
    oneOf('BRIDGE', 'HOST', 'NONE', 'USER'),
    "Old style: 'networks' of the app. NONE is refused.",
  ),
  portMappings: optional(list(portMapping), "Old style: 'portMappings' of the container."),
});

export const linuxInfo = object({
  seccomp: optional(
    object({
      profileName: optional(text(), 'Exactly one of this and unconfined=true.'),
      unconfined: filled(flag, false, 'No filter of system calls.'),
    }),
    'Filter of system calls.',
  ),
  ipcInfo: optional(
    object({
      mode: required(oneOf('PRIVATE', 'SHARE_PARENT'), 'Shared memory of its own, or that of the agent.'),
      shmSize: optional(integer({ min: 0 }), 'MiB of /dev/shm; with mode PRIVATE only.', 64),
    }),
    'Shared memory.',
  ),
});

export const container = object({
  type: filled(oneOf('DOCKER', 'MESOS'), 'DOCKER', 'Both run on the Docker Engine if there is an image.'),
  docker: optional(docker, 'Mandatory with type DOCKER.'),
  volumes: filled(list(volume), [], 'Folders and files of the agent in the container.'),
  portMappings: optional(
    list(portMapping),
    'Ports with bridge and container networks. Absent: one; an empty list: none.',
  ),
  linuxInfo: optional(linuxInfo, 'Type MESOS only.'),
});
export type ContainerInput = ReadBy<typeof container>;
