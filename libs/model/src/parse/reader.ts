// Readers: from `unknown` to typed values, collecting every violation of the schema with its path and Marathon's text (api.md 1.2).
// A reader returns undefined exactly when it added a problem, so a whole that was read without problems has the promised type.
import type { Problems } from './problems.js';

export type Reader<T> = (value: unknown, path: string, problems: Problems) => T | undefined;
export type ReadBy<R> = R extends Reader<infer T> ? T : never;

/** exec and Postgres both end at NUL, and half a surrogate pair is no Unicode text: such texts would not arrive as they were sent. */
export function textFault(text: string): string | null {
  if (text.includes('\0')) return 'must not contain NUL characters';
  return /\p{Surrogate}/u.test(text) ? 'must be valid Unicode, it contains half a surrogate pair' : null;
}

interface TextLimits {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
}

export function text({ min = 0, max = Infinity, pattern }: TextLimits = {}): Reader<string> {
  return (value, path, problems) => {
    if (typeof value !== 'string') return refuse(problems, path, 'error.expected.jsstring');
    if (value.length < min) return refuse(problems, path, 'error.minLength');
    if (value.length > max) return refuse(problems, path, 'error.maxLength');
    if (pattern && !pattern.test(value)) return refuse(problems, path, 'error.pattern');
    const fault = textFault(value);
    return fault === null ? value : refuse(problems, path, fault);
  };
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

const INT32_MAX = 2 ** 31 - 1;

/** A whole number within int32. */
export function integer(range: Range = {}): Reader<number> {
  return (value, path, problems) => {
    if (typeof value !== 'number') return refuse(problems, path, 'error.expected.jsnumber');
    if (!Number.isInteger(value) || Math.abs(value) > INT32_MAX) {
      return refuse(problems, path, 'error.expected.int');
    }
    return within(value, range, path, problems);
  };
}

export function decimal(range: Range = {}): Reader<number> {
  return (value, path, problems) =>
    typeof value === 'number' && Number.isFinite(value)
      ? within(value, range, path, problems)
      : refuse(problems, path, 'error.expected.jsnumber');
}

function within(value: number, { min, max }: Range, path: string, problems: Problems): number | undefined {
  if (min !== undefined && value < min) return refuse(problems, path, 'error.min');
  if (max !== undefined && value > max) return refuse(problems, path, 'error.max');
  return value + 0; // -0 becomes 0
}

export const flag: Reader<boolean> = (value, path, problems) =>
  typeof value === 'boolean' ? value : refuse(problems, path, 'error.expected.jsboolean');

/** One of some literals, in any case; the literal as written here is returned. */
export function oneOf<const L extends string>(...literals: readonly L[]): Reader<L> {
  return (value, path, problems) => {
    if (typeof value !== 'string') return refuse(problems, path, 'error.expected.jsstring');
    const wanted = value.toLowerCase();
    const found = literals.find((literal) => literal.toLowerCase() === wanted);
    return found ?? refuse(problems, path, 'error.unknown.enum.literal');
  };
}

export function list<T>(item: Reader<T>): Reader<T[]> {
  return (value, path, problems) => {
    if (!Array.isArray(value)) return refuse(problems, path, 'error.expected.jsarray');
    return value.map((each: unknown, index) => item(each, `${path}(${index})`, problems) as T);
  };
}

/** Any names, one kind of value. Names like `__proto__` are plain data: the result has own members only. */
export function mapOf<T>(item: Reader<T>): Reader<Record<string, T>> {
  return (value, path, problems) => {
    if (!isObject(value)) return refuse(problems, path, 'error.expected.jsobject');
    const entries = Object.entries(value).map(([name, each], index) => {
      const fault = textFault(name);
      if (fault !== null) problems.add(`${path}/keys(${index})`, fault);
      return [name, item(each, `${path}/${name}`, problems)];
    });
    return Object.fromEntries(entries) as Record<string, T>;
  };
}

/** Takes anything; for members that are only looked at for being there. */
export const anything: Reader<unknown> = (value) => value;

type Presence = 'required' | 'optional' | 'filled';

interface Member<T, P extends Presence> {
  readonly reader: Reader<T>;
  readonly presence: P;
  readonly fallback?: T;
}
/** Absent is an error, null a type error. */
export const required = <T>(reader: Reader<T>): Member<T, 'required'> => ({ reader, presence: 'required' });
/** Absent and null are the same. */
export const optional = <T>(reader: Reader<T>): Member<T, 'optional'> => ({ reader, presence: 'optional' });
/** Absent and null give the default. */
export const filled = <T>(reader: Reader<T>, fallback: T): Member<T, 'filled'> => ({
  reader,
  presence: 'filled',
  fallback,
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
  const names = Object.keys(members);
  const mandatory = names.some((name) => members[name]?.presence === 'required');
  return (value, path, problems) => {
    if (!isObject(value) && mandatory) return refuse(problems, path, 'error.expected.jsobject');
    const source = isObject(value) ? value : {};
    const result: Record<string, unknown> = {};
    for (const name of names) {
      const member = members[name];
      if (!member) continue;
      const read = readMember(member, source, name, path, problems);
      if (read !== undefined) result[name] = read;
    }
    return result as Shape<M>;
  };
}

function readMember(
  { reader, presence, fallback }: Member<unknown, Presence>,
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
    return reader(value, at, problems);
  }
  return value === undefined || value === null ? fallback : reader(value, at, problems);
}

const OUTLINE_LENGTH_MAX = 200;

/** An object for an error text: one level deep and short, so that values of `env` never get into a message or log. */
function outline(source: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(source).map(([name, value]) => {
    const plain = typeof value !== 'object' || value === null;
    return `${JSON.stringify(name)}:${plain ? JSON.stringify(value) : Array.isArray(value) ? '[…]' : '{…}'}`;
  });
  const whole = `{${shown.join(',')}}`;
  return whole.length > OUTLINE_LENGTH_MAX ? `${whole.slice(0, OUTLINE_LENGTH_MAX)}…` : whole;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function refuse(problems: Problems, path: string, errorText: string): undefined {
  problems.add(path, errorText);
  return undefined;
}
