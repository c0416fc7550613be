// The smallest parts of schemas.
import type { Schema } from './endpoint.js';

export const text: Schema = { type: 'string' };
export const count: Schema = { type: 'integer', minimum: 0 };
export const flag: Schema = { type: 'boolean' };
export const time: Schema = {
  type: 'string',
  format: 'date-time',
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$',
};
export const listOf = (items: Schema): Schema => ({ type: 'array', items });
export const texts = listOf(text);
export const mapOf = (additionalProperties: Schema): Schema => ({ type: 'object', additionalProperties });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** All members that are not named in `optional` are always there. */
export function object(properties: Readonly<Record<string, Schema>>, ...optional: readonly string[]): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, ...(required.length ? { required } : {}) };
}
