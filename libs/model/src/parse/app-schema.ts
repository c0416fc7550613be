// The schema stage of an app (app.md A1): every member that Marathon 1.11 knows, with its type, range and default.
// Members that Longrun does not support yet are read all the same, so that their mistakes are reported like everywhere else;
// `unsupported.ts` then refuses them by name. The descriptions are published with the schema.
import { check, healthCheck, readinessCheck } from './check-schema.js';
import { container } from './container-schema.js';
import { environmentValue, secrets } from './environment-schema.js';
import { fetchItem } from './fetch-schema.js';
import { idText } from './id-schema.js';
import type { JsonSchema } from './json-schema.js';
import { ipAddress, network } from './network-schema.js';
import { labels, portDefinition } from './port-schema.js';
import {
  decimal,
  filled,
  flag,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  required,
  schemaOf,
  text,
  type ReadBy,
} from './reader.js';
import { cpus, executorResources, mebibytes, resourceLimits } from './resource-schema.js';
import {
  killSelection,
  seconds,
  UNREACHABLE_DEFAULT,
  unreachableStrategy,
  upgradeStrategy,
} from './strategy-schema.js';

const EXECUTOR = /^(?:|\/\/cmd|\/?[^/]+(?:\/[^/]+)*)$/;
const OLD = 'Old style, read and translated, never shown:';

const residency = object({
  relaunchEscalationTimeoutSeconds: filled(seconds, 3600, 'Without effect.'),
  taskLostBehavior: filled(
    oneOf('WAIT_FOREVER', 'RELAUNCH_AFTER_TIMEOUT'),
    'WAIT_FOREVER',
    'Without effect.',
  ),
});

/** A whole definition, schema-clean; `null` members are gone. */
export const appSchema = object({
  id: required(idText, 'Absolute, or relative to the enclosing group.', '/shop/web'),
  cmd: optional(
    text({ min: 1 }),
    'Run by /bin/sh -c; two characters or more. Excludes args.',
    'exec ./server --port $PORT0',
  ),
  args: optional(
    list(text()),
    'Run without a shell; with an image appended to its entry point. Excludes cmd.',
    ['./server', '--verbose'],
  ),
  user: optional(text(), 'Account to run as; absent: that of the agent or image.', 'nobody'),
  env: filled(mapOf(environmentValue), {}, 'Environment variables.', { LEVEL: 'info' }),
  instances: filled(integer({ min: 0 }), 1, 'How many instances run.', 3),
  cpus: filled(cpus, 1, 'CPU cores for each instance.', 0.5),
  mem: filled(mebibytes, 128, 'Memory of each instance in MiB.', 256),
  disk: filled(mebibytes, 0, 'Disk of each instance in MiB.', 100),
  gpus: filled(integer({ min: 0 }), 0, 'Not supported: must be 0.'),
  executor: filled(text({ pattern: EXECUTOR }), '', 'Kept and shown without effect.', '//cmd'),
  executorResources: optional(executorResources, 'Kept and shown without effect.'),
  constraints: filled(
    list(list(text())),
    [],
    'Where instances may run: lists of field, operator and value.',
    [['hostname', 'UNIQUE']],
  ),
  fetch: filled(list(fetchItem), [], 'Files that are downloaded into the sandbox before each start.'),
  uris: optional(list(text()), `${OLD} 'fetch'.`, ['https://example.com/site.tar.gz']),
  ports: optional(list(integer()), `${OLD} 'portDefinitions'.`, [0]),
  portDefinitions: optional(
    list(portDefinition),
    'Ports with host networking. Absent: one; an empty list: none.',
  ),
  requirePorts: filled(flag, false, 'Use the port numbers as host ports too (host networking only).'),
  networks: filled(list(network), [], 'One host network, one bridge network, or container networks.', [
    { mode: 'container/bridge' },
  ]),
  ipAddress: optional(ipAddress, `${OLD} 'networks' and 'container.portMappings'.`),
  container: optional(container, 'Image, volumes and ports of a container.'),
  healthChecks: filled(list(healthCheck), [], 'Instances that fail them are replaced and get no traffic.'),
  check: optional(check, 'Its result is only shown with the task. Not with a DOCKER container.'),
  readinessChecks: filled(
    list(readinessCheck),
    [],
    'One at most; asked while a deployment starts instances.',
  ),
  backoffSeconds: filled(seconds, 1, 'Delay before a failed instance is started again, the first time.'),
  backoffFactor: filled(decimal({ min: 1 }), 1.15, 'The delay grows by this factor with each failure.'),
  maxLaunchDelaySeconds: filled(seconds, 300, 'The delay grows up to this one.'),
  taskKillGracePeriodSeconds: optional(seconds, 'From SIGTERM to SIGKILL.', 10),
  upgradeStrategy: optional(upgradeStrategy, 'How instances are replaced. Absent: 1 and 1.'),
  unreachableStrategy: filled(
    unreachableStrategy,
    UNREACHABLE_DEFAULT,
    'What is done about instances whose agent is lost.',
    'disabled',
  ),
  killSelection: filled(killSelection, 'YOUNGEST_FIRST', 'Which instances are stopped first.'),
  dependencies: filled(list(text()), [], 'Apps and groups that are started before this one.', ['/shop/db']),
  labels: filled(labels, {}, 'Any texts; some have a meaning to proxies.', { HAPROXY_GROUP: 'external' }),
  acceptedResourceRoles: optional(list(text()), 'Kept and shown.', ['*']),
  role: filled(
    text(),
    '',
    "Kept and shown; '' is the default role: '*', or that of a group with enforceRole.",
    'prod',
  ),
  residency: optional(residency, 'Read without effect.'),
  secrets: filled(secrets, {}, 'Not supported: must be empty.'),
  resourceLimits: optional(resourceLimits, 'Hard limits above cpus and mem.', { mem: 'unlimited' }),
  tty: optional(flag, 'Give the task a terminal.'),
});

export type AppInput = ReadBy<typeof appSchema>;

/** What `parseApp` reads, as JSON Schema. Rules between members are not in it. */
export const appSchemaJson = (): JsonSchema => schemaOf(appSchema);
