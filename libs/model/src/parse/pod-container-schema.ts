// The schema of a pod's containers (app.md B2).
import { command } from './command-schema.js';
import { linuxInfo } from './container-schema.js';
import { fetchItem } from './fetch-schema.js';
import { podEnvironment } from './environment-schema.js';
import { labels, portName } from './port-schema.js';
import {
  decimal,
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
import { cpus, mebibytes, resourceLimits } from './resource-schema.js';
import { seconds } from './strategy-schema.js';

const endpoint = object({
  name: required(portName),
  containerPort: optional(integer({ min: 1, max: 65535 }), 'Mandatory with container networks.', 80),
  hostPort: optional(integer({ min: 0, max: 65535 }), '0: any free one.'),
  protocol: filled(list(oneOf('tcp', 'udp')), ['tcp']),
  labels: filled(labels, {}),
  networkNames: filled(list(text()), []),
});

const httpProbe = object({
  endpoint: required(text(), 'Name of an endpoint of the same container.', 'http'),
  path: optional(text()),
  scheme: filled(oneOf('HTTP', 'HTTPS'), 'HTTP'),
});
const probe = {
  http: optional(httpProbe, 'Exactly one of http, tcp and exec.'),
  tcp: optional(object({ endpoint: required(text()) })),
  exec: optional(object({ command: required(command) })),
  intervalSeconds: filled(seconds, 60),
  timeoutSeconds: filled(seconds, 20, 'Less than intervalSeconds.'),
  delaySeconds: filled(seconds, 15),
};
const healthCheck = object({
  ...probe,
  gracePeriodSeconds: filled(seconds, 300),
  maxConsecutiveFailures: filled(seconds, 3),
});
const check = object(probe);

const resources = object({
  cpus: filled(cpus, 1),
  mem: filled(mebibytes, 128),
  disk: filled(mebibytes, 0),
  gpus: filled(integer({ min: 0 }), 0),
});

const image = object({
  kind: required(oneOf('DOCKER')),
  id: required(text({ min: 1, max: 1024 }), undefined, 'nginx:1.25'),
  pullConfig: optional(object({ secret: required(text()) })),
  forcePull: optional(flag),
  labels: filled(labels, {}),
});

export const podContainer = object({
  name: required(text({ min: 1, max: 63, pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/ })),
  exec: optional(object({ command: required(command), overrideEntrypoint: optional(flag) })),
  resources: required(resources),
  resourceLimits: optional(resourceLimits),
  endpoints: filled(list(endpoint), []),
  image: optional(image),
  environment: filled(podEnvironment, {}, "Beside the pod's; wins over it."),
  user: optional(text({ min: 1 })),
  labels: filled(labels, {}),
  healthCheck: optional(healthCheck),
  check: optional(check),
  volumeMounts: filled(
    list(
      object({
        name: required(text({ min: 1 }), 'Of a volume of the pod.'),
        mountPath: required(text({ min: 1, max: 1024 })),
        readOnly: optional(flag),
      }),
    ),
    [],
  ),
  artifacts: filled(list(fetchItem), []),
  lifecycle: optional(object({ killGracePeriodSeconds: optional(decimal({ min: 0 })) })),
  linuxInfo: optional(linuxInfo),
  tty: optional(flag),
});
export type PodContainerInput = ReadBy<typeof podContainer>;
