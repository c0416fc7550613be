// The schema stage of a group update (api.md 4.2): a tree of groups whose apps are whole definitions. `version` and `scaleBy` are
// read at every level, so that the rules can say that they stand alone.
import type { Timestamp } from '../ids.js';
import { appSchema } from './app-schema.js';
import { idText } from './id-schema.js';
import { type JsonSchema } from './json-schema.js';
import {
  anything,
  decimal,
  flag,
  lazy,
  list,
  object,
  optional,
  reader,
  refuse,
  required,
  schemaOf,
  text,
  type Reader,
} from './reader.js';
import { parseTimestamp } from './timestamp.js';

/** Where the schema of a sub-group stands in an OpenAPI document. */
const SUB_GROUP_REF = '#/components/schemas/SubGroupUpdate';

/** Gives the definition as it came: `parseApp` reads it, once the ids of the groups above it are known. */
const rawApp: Reader<unknown> = reader(schemaOf(appSchema), (value, path, problems) => {
  appSchema(value, path, problems);
  return value;
});

const TIMESTAMP_SCHEMA: JsonSchema = { type: 'string', format: 'date-time' };
const readText = text();
const timestamp: Reader<Timestamp> = reader(TIMESTAMP_SCHEMA, (value, path, problems) => {
  const found = readText(value, path, problems);
  if (found === undefined) return undefined;
  return parseTimestamp(found) ?? refuse(problems, path, 'error.expected.date.isoformat');
});

const members = {
  apps: optional(list(rawApp), 'All apps directly in this group. Those not named any more are removed.'),
  groups: optional(
    list(lazy(SUB_GROUP_REF, (): Reader<SubGroupInput> => subGroup)),
    'All groups directly in this group. Those not named any more are removed with their apps.',
  ),
  dependencies: optional(
    list(text()),
    'Groups and apps that every app of this group waits for. Relative ids start at this group.',
    ['../database'],
  ),
  scaleBy: optional(decimal({ min: 0 }), 'Alone: multiplies `instances` of every app below, rounded up.', 2),
  version: optional(timestamp, 'Alone: puts the group back to what it was in that version.'),
  enforceRole: optional(flag, "Top-level groups only: the group's name is the default role of its apps."),
  pods: optional(anything, 'Pods cannot be given in a group; an empty list is ignored.'),
};
const id = 'Absolute, or relative to the enclosing group';

const body = object({ id: optional(idText, id, '/shop'), ...members });
const subGroup = object({ id: required(idText, id, 'backend'), ...members });

export interface GroupMembers {
  readonly apps?: readonly unknown[];
  readonly groups?: readonly SubGroupInput[];
  readonly dependencies?: readonly string[];
  readonly scaleBy?: number;
  readonly version?: Timestamp;
  readonly enforceRole?: boolean;
  readonly pods?: unknown;
}
export interface SubGroupInput extends GroupMembers {
  readonly id: string;
}
export interface GroupInput extends GroupMembers {
  readonly id?: string;
}

/** A whole body, schema-clean; `null` members are gone. */
export const groupSchema: Reader<GroupInput> = body;

/** JSON Schemas of what `readGroupUpdate` takes; the second is what the first refers to, by its name in `components/schemas`. */
export const groupUpdateSchemaJson = (): {
  readonly GroupUpdate: JsonSchema;
  readonly SubGroupUpdate: JsonSchema;
} => ({ GroupUpdate: schemaOf(body), SubGroupUpdate: schemaOf(subGroup) });
