// Values for a JSON Schema: sound ones, those at the edges of its ranges, and now and then something that nobody expects. What an id,
// a version or a task of the running server is, is not known when a value is drawn: it stands as `@app3@` and is filled in when sent.
import fc from 'fast-check';
import { NASTY_TEXTS, nasty } from './hostile-requests.js';

export type Schema = Readonly<Record<string, unknown>>;
export type Schemas = Readonly<Record<string, Schema>>;

export const isRecord = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const recordOf = (value: unknown): Schema => (isRecord(value) ? value : {});
const schemasOf = (value: unknown): readonly Schema[] => (Array.isArray(value) ? value.filter(isRecord) : []);

export const known = (kind: string): fc.Arbitrary<string> =>
  fc.nat({ max: 30 }).map((at) => `@${kind}${at}@`);
const FEW_IDS = ['/fuzz/a', '/fuzz/b', '/fuzz/c/d', '/fuzz/c/e', '/g', '/g/h/i', 'j', '/fuzz/c', '/fuzz'];
/** As a rule not taken yet. */
const newId = fc.nat({ max: 200 }).map((at) => `/many/n${at}`);
/** Relative to the group around them. */
const CHILD_IDS = ['a', 'b', 'c', 'd', '/fuzz/c'];

/** Members whose name says more than their schema. */
const BY_NAME: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  version: fc.oneof(known('version'), fc.constant('2020-01-01T00:00:00.000Z')),
  ids: fc.array(known('task'), { maxLength: 3 }),
  dependencies: fc.array(fc.oneof(known('app'), fc.constantFrom(...FEW_IDS)), { maxLength: 2 }),
  image: fc.constant('busybox'),
  constraints: fc.subarray([
    ['hostname', 'UNIQUE'],
    ['rack', 'GROUP_BY', '3'],
    ['@zone', 'IS', 'one'],
    ['rack', 'LIKE', '(a+)+$'],
  ]),
};
/** Nobody asks what the server does with thousands of instances here. */
const INSTANCES_MAX = 12;
const OPTIONAL_MAX = 5;
const DEPTH_MAX = 7;

export class SchemaArbitraries {
  /** `odds`: so many sound values to one that nobody expects. */
  constructor(
    private readonly schemas: Schemas,
    private readonly odds: number,
  ) {}

  of(schema: Schema, name = '', depth = 0): fc.Arbitrary<unknown> {
    if (depth > DEPTH_MAX) return fc.constant(null);
    const sound = this.#named(name, depth) ?? this.#sound(schema, name, depth);
    return fc.oneof({ arbitrary: sound, weight: this.odds }, { arbitrary: nasty, weight: 1 });
  }

  #named(name: string, depth: number): fc.Arbitrary<unknown> | undefined {
    if (name === 'id')
      return depth > 2 ? fc.constantFrom(...CHILD_IDS) : fc.oneof(fc.constantFrom(...FEW_IDS), newId);
    if (name === 'instances') return fc.integer({ min: 0, max: INSTANCES_MAX });
    if (name === 'scaleBy') return fc.constantFrom(0, 0.5, 1, 1.5, 2);
    return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  }

  #sound(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    const { $ref, anyOf, oneOf, enum: literals, type, examples } = schema;
    if (typeof $ref === 'string')
      return this.of(this.schemas[$ref.split('/').at(-1) ?? ''] ?? {}, name, depth);
    const ways = [...schemasOf(anyOf), ...schemasOf(oneOf)];
    if (ways.length) return fc.oneof(...ways.map((each) => this.of(each, name, depth + 1)));
    if (Array.isArray(literals)) {
      const words = literals.filter((each): each is string => typeof each === 'string');
      return fc.constantFrom(...words, ...words.map((each) => each.toLowerCase()));
    }
    const plain = [type].flat().find((each) => each !== 'null');
    const drawn = this.#plain(schema, plain, depth);
    return Array.isArray(examples) ? fc.oneof(fc.constantFrom(...(examples as unknown[])), drawn) : drawn;
  }

  #plain(schema: Schema, type: unknown, depth: number): fc.Arbitrary<unknown> {
    switch (type) {
      case 'string':
        return textOf(schema);
      case 'integer':
      case 'number':
        return numberOf(schema);
      case 'boolean':
        return fc.boolean();
      case 'array':
        return fc.array(this.of(recordOf(schema['items']), '', depth + 1), {
          minLength: Number(schema['minItems'] ?? 0),
          maxLength: 3,
        });
      case 'object':
        return this.#object(schema, depth);
      default:
        return fc.jsonValue({ maxDepth: 2 });
    }
  }

  #object({ properties, required, additionalProperties }: Schema, depth: number): fc.Arbitrary<unknown> {
    const members = Object.entries(recordOf(properties));
    const needed = new Set(Array.isArray(required) ? required.map(String) : []);
    // a definition says what runs: without it hardly any would be accepted
    if (members.some(([name]) => name === 'cmd')) needed.add('cmd').add('id');
    const others = members.filter(([name]) => !needed.has(name));
    const own = fc
      .subarray(others, { maxLength: Math.min(OPTIONAL_MAX, others.length) })
      .chain((chosen) =>
        fc.record(
          Object.fromEntries(
            [...members.filter(([name]) => needed.has(name)), ...chosen].map(([name, schema]) => [
              name,
              this.of(recordOf(schema), name, depth + 1),
            ]),
          ),
        ),
      );
    if (!isRecord(additionalProperties)) return own;
    const names = fc.oneof(
      { arbitrary: fc.constantFrom('A', 'PORT_X', 'HAPROXY_0_VHOST', '__proto__', 'constructor'), weight: 5 },
      { arbitrary: fc.oneof(fc.constantFrom(...NASTY_TEXTS), fc.string({ maxLength: 5 })), weight: 1 },
    );
    const entries = fc.array(fc.tuple(names, this.of(additionalProperties, '', depth + 1)), { maxLength: 3 });
    return fc
      .tuple(own, entries)
      .map(([object, more]) => Object.fromEntries([...Object.entries(object), ...more]));
  }
}

function textOf({ minLength, maxLength, pattern, format }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.constant('2026-01-31T12:00:00.000Z');
  const min = Number(minLength ?? 0);
  const max = maxLength === undefined ? undefined : Number(maxLength);
  const edges = [min, min - 1, max ?? min + 9, (max ?? min + 9) + 1].filter(
    (each) => each >= 0 && each < 100_000,
  );
  const long = fc.constantFrom(...edges).map((length) => 'x'.repeat(length));
  return fc.oneof(
    {
      arbitrary: matching(pattern) ?? fc.string({ minLength: min, maxLength: Math.max(min, 12) }),
      weight: 5,
    },
    { arbitrary: long, weight: 1 },
  );
}

/** fast-check knows no lookarounds; such a pattern is left to the examples. */
function matching(pattern: unknown): fc.Arbitrary<string> | undefined {
  if (typeof pattern !== 'string') return undefined;
  try {
    return fc.stringMatching(new RegExp(pattern), { size: 'xsmall' });
  } catch {
    return undefined;
  }
}

function numberOf({ type, minimum, maximum }: Schema): fc.Arbitrary<number> {
  const [min, max] = [Number(minimum ?? -10), Number(maximum ?? 2 ** 31 - 1)];
  const edges = [min, min - 1, min + 1, max, max + 1, 0, -0, 2 ** 31, 2 ** 53, 1e308, 0.5];
  const small = fc.integer({ min: Math.ceil(min), max: Math.floor(Math.min(max, min + 100)) });
  const inside =
    type === 'integer' ? small : fc.oneof(small, fc.double({ min, max: Math.min(max, 100), noNaN: true }));
  return fc.oneof({ arbitrary: inside, weight: 6 }, { arbitrary: fc.constantFrom(...edges), weight: 1 });
}
