// The schema of strategies (app.md A1, B1): what happens on an upgrade, to unreachable instances, and which ones are killed first.
import {
  decimal,
  filled,
  integer,
  object,
  oneOf,
  reader,
  required,
  schemaOf,
  type ReadBy,
  type Reader,
} from './reader.js';

/** A whole number of seconds. */
export const seconds = integer({ min: 0 });
export const share = decimal({ min: 0, max: 1 });

const HEALTHY = 'Share of the instances that stays healthy and routed while they are replaced.';
const OVER = 'Share of the instances that may run on top of them while they are replaced.';
export const upgradeStrategy = object({
  minimumHealthCapacity: required(share, HEALTHY, 0.5),
  maximumOverCapacity: required(share, OVER, 0.2),
});

const unreachableTimes = object({
  inactiveAfterSeconds: filled(seconds, 0, 'After this time another instance is started in its place.'),
  expungeAfterSeconds: filled(seconds, 0, 'After this time it is given up for good.'),
});
type UnreachableMember = 'disabled' | ReadBy<typeof unreachableTimes>;
const disabled = oneOf('disabled');
/** Marathon takes any other text as `disabled` too; a typing mistake would change what happens, so only that word is taken. */
export const unreachableStrategy: Reader<UnreachableMember> = reader(
  { anyOf: [schemaOf(disabled), schemaOf(unreachableTimes)] },
  (value, path, problems) =>
    typeof value === 'string' ? disabled(value, path, problems) : unreachableTimes(value, path, problems),
);
export const UNREACHABLE_DEFAULT = { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 } as const;

export const killSelection = oneOf('YOUNGEST_FIRST', 'OLDEST_FIRST');
