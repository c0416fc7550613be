// Readers: from `unknown` to typed values, collecting every violation of the schema with its path and Marathon's text (api.md 1.2).
// A reader returns undefined exactly when it added a problem, so a whole that was read without problems has the promised type.
// Each carries the JSON Schema of what it takes, composed like the readers themselves: what is published is what is read.
export { filled, lazy, list, mapOf, object, optional, required } from './composite-readers.js';
export {
  anything,
  decimal,
  flag,
  integer,
  isObject,
  oneOf,
  reader,
  refuse,
  schemaOf,
  text,
  textFault,
} from './scalar-readers.js';
export type { ReadBy, Reader } from './scalar-readers.js';
