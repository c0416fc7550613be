// Readers made of readers: lists, maps and objects. Imported through `reader.js`.
import { nullable, type JsonSchema } from './json-schema.js';
import type { Problems } from './problems.js';
import { isObject, reader, refuse, textFault, type Reader } from './scalar-readers.js';

interface Count {
  readonly min?: number;
}

export function list<T>(item: Reader<T>, { min = 0 }: Count = {}): Reader<T[]> {
  const schema: JsonSchema = { type: 'array', items: item.schema, ...(min > 0 ? { minItems: min } : {}) };
  return reader(schema, (value, path, problems) => {
    if (!Array.isArray(value)) return refuse(problems, path, 'error.expected.jsarray');
    if (value.length < min) return refuse(problems, path, 'error.minLength');
    return value.map((each: unknown, index) => item(each, `${path}(${index})`, problems) as T);
  });
}

interface Names {
  /** Without it any text is a name. */
  readonly names?: RegExp;
}

/** Far above every limit of ours, and few enough to be read in a moment: nobody else is served meanwhile. */
const MAP_ENTRIES_MAX = 20_000;

/** One kind of value. Names like `__proto__` are plain data: the result has own members only. */
export function mapOf<T>(item: Reader<T>, { names }: Names = {}): Reader<Record<string, T>> {
  const schema: JsonSchema = {
    type: 'object',
    ...(names ? { propertyNames: { pattern: names.source } } : {}),
    additionalProperties: item.schema,
  };
  return reader(schema, (value, path, problems) => {
    if (!isObject(value)) return refuse(problems, path, 'error.expected.jsobject');
    const count = Object.keys(value).length;
    if (count > MAP_ENTRIES_MAX)
      return refuse(problems, path, `must not have more than ${MAP_ENTRIES_MAX} entries, it has ${count}`);
    const entries = Object.entries(value).map(([name, each], index) => {
      const fault = textFault(name);
      if (fault !== null) problems.add(`${path}/keys(${index})`, fault);
      if (names && !names.test(name)) problems.add(`${path}/${name}`, 'error.pattern');
      return [name, item(each, `${path}/${name}`, problems)];
    });
    return Object.fromEntries(entries) as Record<string, T>;
  });
}

/** For definitions that hold others of their own kind: `ref` is where its schema stands in the document that is published. */
export const lazy = <T>(ref: string, make: () => Reader<T>): Reader<T> =>
  reader({ $ref: ref }, (value, path, problems) => make()(value, path, problems));

type Presence = 'required' | 'optional' | 'filled';

interface Member<T, P extends Presence> {
  readonly reader: Reader<T>;
  readonly presence: P;
  readonly fallback?: T;
  readonly about: About;
}
/** For the published schema: what it means, with its unit, and an example. */
type About = readonly [description?: string, example?: unknown];

/** Absent is an error, null a type error. */
export const required = <T>(of: Reader<T>, ...about: About): Member<T, 'required'> => ({
  reader: of,
  presence: 'required',
  about,
});
/** Absent and null are the same. */
export const optional = <T>(of: Reader<T>, ...about: About): Member<T, 'optional'> => ({
  reader: of,
  presence: 'optional',
  about,
});
/** Absent and null give the default. */
export const filled = <T>(of: Reader<T>, fallback: T, ...about: About): Member<T, 'filled'> => ({
  reader: of,
  presence: 'filled',
  fallback,
  about,
});

type Members = Readonly<Record<string, Member<unknown, Presence>>>;
type ValueOf<M> = M extends { readonly reader: Reader<infer T> } ? T : never;
type Shape<M> = {
  -readonly [K in keyof M as M[K] extends { presence: 'optional' } ? never : K]: ValueOf<M[K]>;
} & {
  -readonly [K in keyof M as M[K] extends { presence: 'optional' } ? K : never]?: ValueOf<M[K]>;
};

/** An object with these members; others are ignored. What is no object is an empty one, if no member is mandatory. */
export function object<M extends Members>(members: M): Reader<Shape<M>> {
  const entries = Object.entries(members);
  const mandatory = entries.some(([, { presence }]) => presence === 'required');
  return reader(objectSchema(members), (value, path, problems) => {
    if (!isObject(value) && mandatory) return refuse(problems, path, 'error.expected.jsobject');
    const source = isObject(value) ? value : {};
    const result: Record<string, unknown> = {};
    for (const [name, member] of entries) {
      const read = readMember(member, source, name, path, problems);
      if (read !== undefined) result[name] = read;
    }
    return result as Shape<M>;
  });
}

function objectSchema(members: Members): JsonSchema {
  const entries = Object.entries(members);
  const mandatory = entries.filter(([, { presence }]) => presence === 'required').map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, member]) => [name, memberSchema(member)])),
    ...(mandatory.length ? { required: mandatory } : {}),
  };
}

function memberSchema({ reader: of, presence, fallback, about }: Member<unknown, Presence>): JsonSchema {
  const [description, example] = about;
  return {
    ...(presence === 'required' ? of.schema : nullable(of.schema)),
    ...(presence === 'filled' ? { default: fallback } : {}),
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { examples: [example] }),
  };
}

function readMember(
  { reader: read, presence, fallback }: Member<unknown, Presence>,
  source: Readonly<Record<string, unknown>>,
  name: string,
  path: string,
  problems: Problems,
): unknown {
  const value = Object.hasOwn(source, name) ? source[name] : undefined;
  const at = `${path}/${name}`;
  if (presence === 'required') {
    if (value === undefined)
      return refuse(problems, at, `'${name}' is undefined on object: ${outline(source)}`);
    return read(value, at, problems);
  }
  return value === undefined || value === null ? fallback : read(value, at, problems);
}

const OUTLINE_LENGTH_MAX = 200;

/** An object for an error text: one level deep and short, so that values of `env` never get into a message or log. */
function outline(source: Readonly<Record<string, unknown>>): string {
  const shown: string[] = [];
  let length = 0;
  for (const name of Object.keys(source)) {
    const part = `${JSON.stringify(name)}:${outlineOf(source[name])}`;
    shown.push(part);
    // what would be cut off need not be made
    if ((length += part.length) > OUTLINE_LENGTH_MAX) break;
  }
  const whole = `{${shown.join(',')}}`;
  return whole.length > OUTLINE_LENGTH_MAX ? `${whole.slice(0, OUTLINE_LENGTH_MAX)}…` : whole;
}

const outlineOf = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return Array.isArray(value) ? '[…]' : '{…}';
};
