// The schema stage of an app (app.md A1): every member that Marathon 1.11 knows, with its type, range and default.
// Members that Longrun does not support yet are read all the same, so that their mistakes are reported like everywhere else;
// `unsupported.ts` then refuses them by name.
import { APP_ID_LENGTH_MAX, ID_PATTERN, matchesIdPattern } from './app-id.js';
import { container, network } from './container-schema.js';
import { check, healthCheck, readinessCheck } from './check-schema.js';
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
import type { JsonSchema } from './json-schema.js';
import { labels, portDefinition } from './port-schema.js';

const readId = text({ min: 1 });
const ID_SCHEMA = {
  type: 'string',
  minLength: 1,
  maxLength: 4 * APP_ID_LENGTH_MAX,
  pattern: ID_PATTERN,
} as const;
/** Long ids are refused before the pattern looks at them. */
const idText: Reader<string> = reader(ID_SCHEMA, (value, path, problems) => {
  const id = readId(value, path, problems);
  if (id === undefined) return undefined;
  if (id.length > 4 * APP_ID_LENGTH_MAX) {
    problems.add(path, `must not be longer than ${APP_ID_LENGTH_MAX} characters`);
    return undefined;
  }
  if (matchesIdPattern(id)) return id;
  problems.add(path, 'error.pattern');
  return undefined;
});

const secretReference = object({ secret: required(text()) });
const readText = text();
const envValue: Reader<string | { secret: string }> = reader(
  { anyOf: [schemaOf(readText), schemaOf(secretReference)] },
  (value, path, problems) =>
    isObject(value) ? secretReference(value, path, problems) : readText(value, path, problems),
);

/** A number of seconds. */
export const seconds = integer({ min: 0 });
const share = decimal({ min: 0, max: 1 });
/** Own limits: far above any host, far below where sums lose whole numbers. */
const cpus = decimal({ min: 0, max: 1_000_000 });
const mebibytes = decimal({ min: 0, max: 1_000_000_000_000 });

const upgradeStrategy = object({
  minimumHealthCapacity: required(share),
  maximumOverCapacity: required(share),
});
const unreachableTimes = object({
  inactiveAfterSeconds: filled(seconds, 0),
  expungeAfterSeconds: filled(seconds, 0),
});
type UnreachableMember = 'disabled' | ReadBy<typeof unreachableTimes>;
/** Marathon takes any other text as `disabled` too; a typing mistake would change what happens, so only that word is taken. */
const disabled = oneOf('disabled');
const unreachableStrategy: Reader<UnreachableMember> = reader(
  { anyOf: [schemaOf(disabled), schemaOf(unreachableTimes)] },
  (value, path, problems) =>
    typeof value === 'string' ? disabled(value, path, problems) : unreachableTimes(value, path, problems),
);

const fetchItem = object({
  uri: required(text({ min: 1, max: 1024 })),
  extract: filled(flag, true),
  executable: filled(flag, false),
  cache: filled(flag, false),
  destPath: optional(text({ min: 1, max: 1024 })),
});

const EXECUTOR = /^(?:|\/\/cmd|\/?[^/]+(?:\/[^/]+)*)$/;

/** A whole definition, schema-clean; `null` members are gone. */
export const appSchema = object({
  id: required(idText),
  cmd: optional(text({ min: 1 })),
  args: optional(list(text())),
  user: optional(text()),
  env: filled(mapOf(envValue), {}),
  instances: filled(integer({ min: 0 }), 1),
  cpus: filled(cpus, 1),
  mem: filled(mebibytes, 128),
  disk: filled(mebibytes, 0),
  gpus: filled(integer({ min: 0 }), 0),
  executor: filled(text({ pattern: EXECUTOR }), ''),
  executorResources: optional(
    object({
      cpus: filled(decimal({ min: 0 }), 0.1),
      mem: filled(decimal({ min: 32 }), 32),
      disk: filled(decimal({ min: 10 }), 10),
    }),
  ),
  constraints: filled(list(list(text())), []),
  fetch: filled(list(fetchItem), []),
  uris: optional(list(text())),
  ports: optional(list(integer())),
  portDefinitions: optional(list(portDefinition)),
  requirePorts: filled(flag, false),
  networks: filled(list(network), []),
  ipAddress: optional(
    object({
      networkName: optional(text()),
      labels: filled(labels, {}),
      groups: optional(anything),
      discovery: optional(
        object({
          ports: filled(
            list(
              object({
                number: filled(integer({ min: 0, max: 65535 }), 0),
                name: required(text()),
                protocol: optional(oneOf('tcp', 'udp', 'udp,tcp')),
              }),
            ),
            [],
          ),
        }),
      ),
    }),
  ),
  container: optional(container),
  healthChecks: filled(list(healthCheck), []),
  check: optional(check),
  readinessChecks: filled(list(readinessCheck), []),
  backoffSeconds: filled(seconds, 1),
  backoffFactor: filled(decimal({ min: 1 }), 1.15),
  maxLaunchDelaySeconds: filled(seconds, 300),
  taskKillGracePeriodSeconds: optional(seconds),
  upgradeStrategy: optional(upgradeStrategy),
  unreachableStrategy: filled(unreachableStrategy, { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 }),
  killSelection: filled(oneOf('YOUNGEST_FIRST', 'OLDEST_FIRST'), 'YOUNGEST_FIRST'),
  dependencies: filled(list(text()), []),
  labels: filled(labels, {}),
  acceptedResourceRoles: optional(list(text())),
  role: filled(text(), ''),
  residency: optional(
    object({
      relaunchEscalationTimeoutSeconds: filled(seconds, 3600),
      taskLostBehavior: filled(oneOf('WAIT_FOREVER', 'RELAUNCH_AFTER_TIMEOUT'), 'WAIT_FOREVER'),
    }),
  ),
  secrets: filled(mapOf(object({ source: required(text({ min: 1 })) })), {}),
  resourceLimits: optional(object({ cpus: optional(anything), mem: optional(anything) })),
  tty: filled(flag, false),
});

export type AppInput = ReadBy<typeof appSchema>;

export const appSchemaJson = (): JsonSchema => schemaOf(appSchema);
