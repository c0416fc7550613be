// The schema of ids (app.md A2). Whether an id may be relative, and what else it must not be, is a matter of rules.
import { APP_ID_LENGTH_MAX, ID_PATTERN, matchesIdPattern } from './app-id.js';
import type { JsonSchema } from './json-schema.js';
import { reader, refuse, text, type Reader } from './reader.js';

/** Relative ids with many `..` may be longer than what they come to. */
const ID_TEXT_MAX = 4 * APP_ID_LENGTH_MAX;
const schema: JsonSchema = { type: 'string', minLength: 1, maxLength: ID_TEXT_MAX, pattern: ID_PATTERN };

const readId = text({ min: 1 });
/** Long ids are refused before the pattern looks at them. */
export const idText: Reader<string> = reader(schema, (value, path, problems) => {
  const id = readId(value, path, problems);
  if (id === undefined) return undefined;
  if (id.length > ID_TEXT_MAX) {
    return refuse(problems, path, `must not be longer than ${APP_ID_LENGTH_MAX} characters`);
  }
  return matchesIdPattern(id) ? id : refuse(problems, path, 'error.pattern');
});
