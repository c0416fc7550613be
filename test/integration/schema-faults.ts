// Whether a value is what a JSON Schema says, as far as our own documents use it; all that is wrong, with its path.
import { isRecord, type Schema, type Schemas } from './schema-arbitraries.js';

const recordsIn = (value: unknown): readonly Schema[] => (Array.isArray(value) ? value.filter(isRecord) : []);

export function schemaFaults(value: unknown, schema: Schema, schemas: Schemas, path = ''): readonly string[] {
  const { $ref, anyOf, oneOf, allOf, enum: literals, type, pattern, minimum } = schema;
  if (typeof $ref === 'string') {
    return schemaFaults(value, schemas[$ref.split('/').at(-1) ?? ''] ?? {}, schemas, path);
  }
  const ways = [...recordsIn(anyOf), ...recordsIn(oneOf)];
  if (ways.length) {
    const found = ways.map((each) => schemaFaults(value, each, schemas, path));
    return found.some((each) => !each.length) ? [] : found.flat();
  }
  const faults = recordsIn(allOf).flatMap((each) => schemaFaults(value, each, schemas, path));
  const types = [type ?? []].flat();
  if (types.length && !types.some((each) => isOfType(value, each)))
    return [`${path}: no ${types.join(' or ')}`];
  if (Array.isArray(literals) && !literals.includes(value))
    return [`${path}: none of ${literals.join(', ')}`];
  if (typeof pattern === 'string' && typeof value === 'string' && !new RegExp(pattern).test(value)) {
    return [`${path}: not like ${pattern}`];
  }
  if (typeof minimum === 'number' && typeof value === 'number' && value < minimum)
    return [`${path}: below ${minimum}`];
  return [...faults, ...innerFaults(value, schema, schemas, path)];
}

function innerFaults(value: unknown, schema: Schema, schemas: Schemas, path: string): readonly string[] {
  const { properties, required, additionalProperties, items } = schema;
  if (Array.isArray(value)) {
    if (!isRecord(items)) return [];
    return value.flatMap((each, at) => schemaFaults(each, items, schemas, `${path}(${at})`));
  }
  if (!isRecord(value)) return [];
  const members = isRecord(properties) ? properties : {};
  const missing = (Array.isArray(required) ? required.map(String) : []).filter(
    (name) => !Object.hasOwn(value, name),
  );
  return [
    ...missing.map((name) => `${path}/${name}: missing`),
    ...Object.entries(value).flatMap(([name, each]) => {
      const member = Object.hasOwn(members, name) ? members[name] : additionalProperties;
      if (member === false) return [`${path}/${name}: not a member`];
      return isRecord(member) ? schemaFaults(each, member, schemas, `${path}/${name}`) : [];
    }),
  ];
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isRecord(value);
  if (type === 'null') return value === null;
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
