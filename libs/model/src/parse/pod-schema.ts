// The schema stage of a pod (app.md B1, B3), with the descriptions that are published.
import { CONSTRAINT_OPERATORS } from './constraint-rules.js';
import { podEnvironment, secrets } from './environment-schema.js';
import { idText } from './id-schema.js';
import type { JsonSchema } from './json-schema.js';
import { network } from './network-schema.js';
import { podContainer } from './pod-container-schema.js';
import { labels } from './port-schema.js';
import {
  anything,
  decimal,
  filled,
  flag,
  integer,
  isObject,
  list,
  object,
  oneOf,
  optional,
  reader,
  refuse,
  required,
  schemaOf,
  text,
  type ReadBy,
  type Reader,
} from './reader.js';
import { executorResources } from './resource-schema.js';
import { killSelection, share, unreachableStrategy } from './strategy-schema.js';
import { persistentSettings } from './volume-schema.js';

const name = required(text({ min: 1 }));
const volumeForms = {
  persistent: object({ name, persistent: required(persistentSettings) }),
  secret: object({ name, secret: required(text()) }),
  host: object({ name, host: required(text({ min: 1 }), 'Path on the agent.') }),
  ephemeral: object({ name }),
} as const;
type VolumeForm = keyof typeof volumeForms;
export type PodVolumeInput = {
  [F in VolumeForm]: { readonly form: F } & ReadBy<(typeof volumeForms)[F]>;
}[VolumeForm];

/** The members that are there choose the form, in the order above. */
const volume: Reader<PodVolumeInput> = reader(
  { anyOf: Object.values(volumeForms).map(schemaOf) },
  (value, path, problems) => {
    const has = (form: string): boolean =>
      isObject(value) && Object.hasOwn(value, form) && (value[form] ?? null) !== null;
    const form = (['persistent', 'secret', 'host'] as const).find(has) ?? 'ephemeral';
    const read = volumeForms[form](value, path, problems);
    return read === undefined ? undefined : ({ form, ...read } as PodVolumeInput);
  },
);

const fixed = object({ kind: required(oneOf('fixed')), instances: filled(integer({ min: 0 }), 1) });
/** Another kind is reported at the whole, as Marathon does. */
const scaling: Reader<ReadBy<typeof fixed>> = reader(schemaOf(fixed), (value, path, problems) => {
  const kind = isObject(value) && Object.hasOwn(value, 'kind') ? value.kind : undefined;
  if (typeof kind !== 'string' || kind.toLowerCase() === 'fixed') return fixed(value, path, problems);
  return refuse(problems, path, "'kind' must be 'fixed'");
});

const constraint = object({
  fieldName: required(text(), undefined, 'hostname'),
  operator: required(oneOf(...CONSTRAINT_OPERATORS)),
  value: optional(text()),
});
const amount = decimal({ min: 0 });
const scheduling = object({
  backoff: optional(
    object({
      backoff: filled(amount, 1, 'Seconds before a failed instance is started again, the first time.'),
      backoffFactor: filled(amount, 1.15),
      maxLaunchDelay: filled(amount, 300, 'Seconds.'),
    }),
  ),
  upgrade: optional(
    object({ minimumHealthCapacity: optional(share), maximumOverCapacity: optional(share) }),
    'Absent members are 1; with persistent volumes 0.5 and 0.',
  ),
  placement: optional(
    object({
      constraints: filled(list(constraint), []),
      acceptedResourceRoles: filled(list(text()), []),
    }),
  ),
  killSelection: filled(killSelection, 'YOUNGEST_FIRST'),
  unreachableStrategy: optional(unreachableStrategy),
});

export const podSchema = object({
  id: required(idText, 'Absolute.', '/shop/web'),
  user: optional(text({ min: 1 })),
  labels: filled(labels, {}),
  environment: filled(podEnvironment, {}, 'For all containers.'),
  containers: required(list(podContainer, { min: 1 })),
  secrets: filled(secrets, {}),
  volumes: filled(list(volume), []),
  networks: filled(list(network), [], 'Empty: host networking.'),
  scaling: filled(scaling, { kind: 'fixed', instances: 1 }),
  scheduling: optional(scheduling),
  executorResources: filled(executorResources, { cpus: 0.1, mem: 32, disk: 10 }),
  role: filled(text(), ''),
  linuxInfo: optional(
    object({
      seccomp: optional(anything, 'Refused here; containers have their own.'),
      ipcInfo: optional(
        object({
          mode: required(oneOf('PRIVATE', 'SHARE_PARENT')),
          shmSize: optional(integer({ min: 0 }), 'MiB'),
        }),
      ),
    }),
  ),
  legacySharedCgroups: optional(flag, 'true: no container may have resourceLimits.'),
});
export type PodInput = ReadBy<typeof podSchema>;

/** What `parsePod` reads, as JSON Schema. Rules between members are not in it. */
export const podSchemaJson = (): JsonSchema => schemaOf(podSchema);
