// The type, range and default of a member in words, from its JSON Schema.
import type { Schema } from '../endpoint.js';
import { code, json } from './markdown.js';

const recordOf = (value: unknown): Schema =>
  typeof value === 'object' && value !== null ? (value as Schema) : {};
const schemasOf = (value: unknown): readonly Schema[] => (Array.isArray(value) ? value.map(recordOf) : []);
const textsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : []).filter((each): each is string => typeof each === 'string');

export function typeWords(schema: Schema): string {
  const { $ref, enum: literals, const: constant, anyOf, type } = schema;
  if (typeof $ref === 'string') return code($ref.split('/').at(-1) ?? '');
  if (constant !== undefined) return json(constant);
  if (Array.isArray(literals)) return textsOf(literals).map(code).join(', ');
  if (Array.isArray(anyOf)) {
    const ways = schemasOf(anyOf).filter((each) => each['type'] !== 'null');
    return [...new Set(ways.map(typeWords))].join(' or ');
  }
  const name = (Array.isArray(type) ? textsOf(type) : [type]).find((each) => each !== 'null');
  switch (name) {
    case 'string':
      return `text${lengthWords(schema)}`;
    case 'integer':
      return `whole number${rangeWords(schema)}`;
    case 'number':
      return `number${rangeWords(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list of ${plural(typeWords(recordOf(schema['items'])))}${countWords(schema)}`;
    case 'object':
      return objectWords(schema);
    default:
      return 'any';
  }
}

function objectWords({ additionalProperties, properties }: Schema): string {
  if (typeof additionalProperties !== 'object') return properties ? 'object' : 'any object';
  return `map of name to ${typeWords(recordOf(additionalProperties))}`;
}

const plural = (words: string): string =>
  words
    .replace(/^(text|number|whole number|object)(?=$|,| )/, (word) => `${word}s`)
    .replace(/^list of/, 'lists of');

function rangeWords({ minimum, maximum }: Schema): string {
  if (minimum === undefined && maximum === undefined) return '';
  if (maximum === undefined) return `, ${String(minimum)} or more`;
  return minimum === undefined
    ? `, at most ${String(maximum)}`
    : `, ${String(minimum)} to ${String(maximum)}`;
}

function lengthWords({ minLength, maxLength, format }: Schema): string {
  if (format === 'date-time') return ', a timestamp';
  const min = Number(minLength ?? 0);
  if (maxLength !== undefined) return `, ${min} to ${String(maxLength)} characters`;
  return min > 0 ? ', not empty' : '';
}

const countWords = ({ minItems }: Schema): string =>
  Number(minItems ?? 0) > 0 ? `, ${String(minItems)} or more` : '';

export const defaultWords = (schema: Schema, isRequired: boolean): string =>
  isRequired ? '**required**' : schema['default'] === undefined ? '' : json(schema['default']);

/** A member with its path: `container.docker.image`, `healthChecks[].path`, `env.*.secret`. */
export interface FlatMember {
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** All members below a schema, depth first in its order. Of several variants each member once; required is what all of them require. */
export function flatten(schema: Schema, path = ''): readonly FlatMember[] {
  const required = textsOf(schema['required']);
  const own = Object.entries(recordOf(schema['properties'])).flatMap(([name, value]) => {
    const member = recordOf(value);
    const at = path === '' ? name : `${path}.${name}`;
    return [{ path: at, schema: member, isRequired: required.includes(name) }, ...flatten(member, at)];
  });
  return [
    ...own,
    ...(schema['items'] ? flatten(recordOf(schema['items']), `${path}[]`) : []),
    ...(typeof schema['additionalProperties'] === 'object'
      ? flatten(recordOf(schema['additionalProperties']), `${path}.*`)
      : []),
    ...merged(
      schemasOf(schema['anyOf'])
        .filter((each) => each['properties'] || each['items'])
        .map((each) => flatten(each, path)),
    ),
  ];
}

function merged(variants: readonly (readonly FlatMember[])[]): readonly FlatMember[] {
  const paths = [...new Set(variants.flat().map(({ path }) => path))];
  return paths.flatMap((path) => {
    const found = variants.flatMap((each) => each.filter((member) => member.path === path));
    const isRequired = found.length === variants.length && found.every((each) => each.isRequired);
    return found.slice(0, 1).map(({ schema }) => ({ path, schema, isRequired }));
  });
}
