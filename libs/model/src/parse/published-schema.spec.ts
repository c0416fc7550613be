// The published schema against what is really accepted and shown: for definitions at random both agree.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryAppBody } from '#libs/testkit';
import { appSchemaJson } from './app-schema.js';
import type { JsonSchema, JsonType } from './json-schema.js';
import { parseApp } from './parse-app.js';
import { isObject } from './reader.js';
import { showApp } from './show-app.js';

const isOf = (type: JsonType, value: unknown): boolean => {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
};

/** Paths at which the value does not keep the schema, by the words of JSON Schema that readers use. */
function faults(schema: JsonSchema, value: unknown, path = ''): string[] {
  const { type, anyOf, enum: literals } = schema;
  if (anyOf) return anyOf.some((each) => !faults(each, value).length) ? [] : [path];
  if (type !== undefined && ![type].flat().some((each) => isOf(each, value))) return [path];
  if (literals && !literals.some((each) => each === value)) return [path];
  if (typeof value === 'string') return isText(schema, value) ? [] : [path];
  if (typeof value === 'number') {
    return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity) ? [] : [path];
  }
  if (Array.isArray(value)) {
    const { items = {} } = schema;
    return value.flatMap((each: unknown, index) => faults(items, each, `${path}(${index})`));
  }
  return isObject(value) ? faultsOfObject(schema, value, path) : [];
}

const isText = ({ minLength = 0, maxLength = Infinity, pattern = '' }: JsonSchema, text: string): boolean =>
  text.length >= minLength && text.length <= maxLength && new RegExp(pattern).test(text);

function faultsOfObject(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  path: string,
): string[] {
  const { properties = {}, required = [], additionalProperties = {} } = schema;
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${path}/${name}`);
  const inside = Object.entries(value).flatMap(([name, each]) => {
    const of = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    return faults(of ?? {}, each, `${path}/${name}`);
  });
  return [...missing, ...inside];
}

const schema = appSchemaJson();

describe('the published schema of an app', () => {
  it('holds for whatever is shown', () => {
    fc.assert(
      fc.property(arbitraryAppBody, (body) => {
        const parsed = parseApp(body);
        if (parsed.kind === 'ok') expect(faults(schema, showApp(parsed.spec))).toEqual([]);
        else throw new Error(JSON.stringify(parsed));
      }),
    );
  });

  it('is broken where the reader says so', () => {
    const broken = {
      id: '/a b',
      instances: -1,
      env: { A: 1 },
      networks: [{ mode: 'mars' }],
      container: { docker: {}, volumes: [{ containerPath: '/a' }] },
      unreachableStrategy: 'never',
    };
    const parsed = parseApp(broken);
    const paths = parsed.kind === 'ok' ? [] : parsed.problems.map(({ path }) => path);
    const whole = ['/env/A', '/container/volumes(0)'];
    // alternatives are reported as a whole
    const told = paths.map((path) => whole.find((each) => path.startsWith(each)) ?? path);
    expect(new Set(faults(schema, broken))).toEqual(new Set(told));
  });
});
