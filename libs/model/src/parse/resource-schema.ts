// The schema of resources (app.md A1, B1): requests, hard limits, and those of an executor.
import { decimal, filled, object, oneOf, optional, reader, schemaOf, type Reader } from './reader.js';

/** Own limits: far above any host, far below where sums lose whole numbers. */
export const cpus = decimal({ min: 0, max: 1_000_000 });
export const mebibytes = decimal({ min: 0, max: 1_000_000_000_000 });

const amount = decimal({ min: 0 });
const unlimited = oneOf('unlimited');
const limit: Reader<number | 'unlimited'> = reader(
  { anyOf: [schemaOf(amount), schemaOf(unlimited)] },
  (value, path, problems) =>
    typeof value === 'string' ? unlimited(value, path, problems) : amount(value, path, problems),
);

export const resourceLimits = object({
  cpus: optional(limit, "At least 'cpus'.", 2),
  mem: optional(limit, "MiB, at least 'mem'.", 'unlimited'),
});

export const executorResources = object({
  cpus: filled(decimal({ min: 0 }), 0.1, 'CPU cores.'),
  mem: filled(decimal({ min: 32 }), 32, 'MiB'),
  disk: filled(decimal({ min: 10 }), 10, 'MiB'),
});
