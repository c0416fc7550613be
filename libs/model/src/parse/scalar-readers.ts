// What a reader is, and the readers of texts, numbers and flags. Imported through `reader.js`.
import type { JsonSchema } from './json-schema.js';
import type { Problems } from './problems.js';

type Read<T> = (value: unknown, path: string, problems: Problems) => T | undefined;
export interface Reader<T> extends Read<T> {
  readonly schema: JsonSchema;
}
export type ReadBy<R> = R extends Reader<infer T> ? T : never;

/** A reader of one's own. The schema must say what `read` takes, as far as JSON Schema can. */
export const reader = <T>(schema: JsonSchema, read: Read<T>): Reader<T> =>
  Object.assign((value: unknown, path: string, problems: Problems) => read(value, path, problems), {
    schema,
  });

export const schemaOf = ({ schema }: Reader<unknown>): JsonSchema => schema;

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
  const schema: JsonSchema = {
    type: 'string',
    ...(min > 0 ? { minLength: min } : {}),
    ...(max < Infinity ? { maxLength: max } : {}),
    ...(pattern ? { pattern: pattern.source } : {}),
  };
  return reader(schema, (value, path, problems) => {
    if (typeof value !== 'string') return refuse(problems, path, 'error.expected.jsstring');
    if (value.length < min) return refuse(problems, path, 'error.minLength');
    if (value.length > max) return refuse(problems, path, 'error.maxLength');
    if (pattern && !pattern.test(value)) return refuse(problems, path, 'error.pattern');
    const fault = textFault(value);
    return fault === null ? value : refuse(problems, path, fault);
  });
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}
const boundsOf = ({ min, max }: Range): JsonSchema => ({
  ...(min === undefined ? {} : { minimum: min }),
  ...(max === undefined ? {} : { maximum: max }),
});

const INT32_MAX = 2 ** 31 - 1;

/** A whole number within int32. */
export function integer(range: Range = {}): Reader<number> {
  return reader({ type: 'integer', format: 'int32', ...boundsOf(range) }, (value, path, problems) => {
    if (typeof value !== 'number') return refuse(problems, path, 'error.expected.jsnumber');
    if (!Number.isInteger(value) || Math.abs(value) > INT32_MAX) {
      return refuse(problems, path, 'error.expected.int');
    }
    return within(value, range, path, problems);
  });
}

export function decimal(range: Range = {}): Reader<number> {
  return reader({ type: 'number', format: 'double', ...boundsOf(range) }, (value, path, problems) =>
    typeof value === 'number' && Number.isFinite(value)
      ? within(value, range, path, problems)
      : refuse(problems, path, 'error.expected.jsnumber'),
  );
}

function within(value: number, { min, max }: Range, path: string, problems: Problems): number | undefined {
  if (min !== undefined && value < min) return refuse(problems, path, 'error.min');
  if (max !== undefined && value > max) return refuse(problems, path, 'error.max');
  return value + 0; // -0 becomes 0
}

export const flag: Reader<boolean> = reader({ type: 'boolean' }, (value, path, problems) =>
  typeof value === 'boolean' ? value : refuse(problems, path, 'error.expected.jsboolean'),
);

/** One of some literals; any case is taken, the literal as written here is returned. */
export function oneOf<const L extends string>(...literals: readonly L[]): Reader<L> {
  return reader({ type: 'string', enum: literals }, (value, path, problems) => {
    if (typeof value !== 'string') return refuse(problems, path, 'error.expected.jsstring');
    const wanted = value.toLowerCase();
    const found = literals.find((literal) => literal.toLowerCase() === wanted);
    return found ?? refuse(problems, path, 'error.unknown.enum.literal');
  });
}

/** Takes anything; for members that are only looked at for being there. */
export const anything: Reader<unknown> = reader({}, (value) => value);

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function refuse(problems: Problems, path: string, errorText: string): undefined {
  problems.add(path, errorText);
  return undefined;
}
