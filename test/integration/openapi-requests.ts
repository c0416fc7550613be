// Requests for the operations of an OpenAPI document: each parameter and body as its schema says, or not, for ids that exist or do not.
import fc from 'fast-check';
import { NASTY_TEXTS } from './hostile-requests.js';
import { isRecord, known, SchemaArbitraries, type Schema, type Schemas } from './schema-arbitraries.js';

export interface Operation {
  readonly method: string;
  /** With `{name}`. */
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body?: Schema;
  readonly responses: Readonly<Record<string, Schema>>;
  readonly needsToken: boolean;
}

export interface Draft {
  readonly operation: Operation;
  /** Still with `@app3@` and the like. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** No part of the path may lead to another operation. */
  readonly isPlain: boolean;
  readonly [fc.toStringMethod]: () => string;
}

export function operationsOf(document: Schema): { operations: readonly Operation[]; schemas: Schemas } {
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Schema>>>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]): Operation => {
      const body = contentOf(each['requestBody']);
      return {
        method: method.toUpperCase(),
        path,
        parameters: (each['parameters'] as Operation['parameters'] | undefined) ?? [],
        ...(body ? { body } : {}),
        responses: each['responses'] as Operation['responses'],
        needsToken: JSON.stringify(each['security'] ?? []).includes('token'),
      };
    }),
  );
  const { schemas } = document['components'] as { schemas: Schemas };
  return { operations, schemas };
}

/** The schema of a JSON body or answer. */
export function contentOf(holder: unknown): Schema | undefined {
  const content = isRecord(holder) && isRecord(holder['content']) ? holder['content'] : {};
  const json = content['application/json'];
  return isRecord(json) && isRecord(json['schema']) ? json['schema'] : undefined;
}

const KIND_OF_NAME: Readonly<Record<string, string>> = {
  id: 'app',
  group: 'group',
  taskId: 'task',
  version: 'version',
  deploymentId: 'deployment',
  instanceId: 'instance',
};
const UNKNOWN: Readonly<Record<string, readonly string[]>> = {
  id: ['fuzz/a', 'fuzz/b', 'fuzz/c/d', 'g/h/i', 'nobody/knows', 'j'],
  group: ['fuzz', 'g', 'fuzz/c', 'new/one'],
  version: ['2020-01-01T00:00:00.000Z', 'yesterday'],
};
const nastySegment = fc
  .constantFrom(...NASTY_TEXTS)
  .map((each) => encodeURIComponent(each.replace(/\p{Surrogate}/gu, '')).slice(0, 2_000));

interface Segment {
  readonly text: string;
  readonly isPlain: boolean;
}
function segment(name: string): fc.Arbitrary<Segment> {
  const kind = KIND_OF_NAME[name];
  const plain = (text: string): Segment => ({ text, isPlain: true });
  return fc.oneof(
    { arbitrary: (kind === undefined ? fc.constant('nothing') : known(kind)).map(plain), weight: 8 },
    { arbitrary: fc.constantFrom(...(UNKNOWN[name] ?? ['nothing'])).map(plain), weight: 4 },
    { arbitrary: nastySegment.map((text): Segment => ({ text, isPlain: false })), weight: 1 },
  );
}

export function draftOf(operation: Operation, schemas: Schemas, odds: number): fc.Arbitrary<Draft> {
  const values = new SchemaArbitraries(schemas, odds);
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const query = operation.parameters.filter((each) => each.in === 'query');
  const headers = operation.parameters.filter((each) => each.in === 'header');
  return fc
    .record({
      segments: fc.tuple(...names.map(segment)),
      query: fc.tuple(...query.map((each) => fc.option(values.of(each.schema, each.name), { freq: 2 }))),
      headers: fc.tuple(...headers.map((each) => fc.option(headerText(values.of(each.schema)), { freq: 2 }))),
      body: operation.body ? bodyText(values.of(operation.body)) : fc.constant(undefined),
    })
    .map((drawn): Draft => {
      const segments = new Map(names.map((name, at) => [name, drawn.segments[at]]));
      const path = operation.path.replaceAll(
        /\{(\w+)\}/g,
        (_, name: string) => segments.get(name)?.text ?? '',
      );
      const pairs = query.flatMap(({ name }, at) =>
        [drawn.query[at] ?? []].flat().map((each) => pair(name, each)),
      );
      return {
        operation,
        target: `${path}${pairs.length ? `?${pairs.join('&')}` : ''}`,
        headers: Object.fromEntries(
          headers
            .flatMap(({ name }, at) => [[name, drawn.headers[at] ?? '']])
            .filter(([, text]) => text !== ''),
        ) as Record<string, string>,
        ...(drawn.body === undefined ? {} : { body: drawn.body }),
        isPlain: [...segments.values()].every((each) => each?.isPlain),
        // what a counterexample is told as
        [fc.toStringMethod]: () => `${operation.method} ${operation.path}`,
      };
    });
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
const pair = (name: string, value: unknown): string => {
  const text = encodeURIComponent(asText(value).replace(/\p{Surrogate}/gu, ''));
  return `${encodeURIComponent(name)}=${text.slice(0, 4_000)}`;
};

/** What node lets through in a header. */
const headerText = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  value.map((each) =>
    asText(each)
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .slice(0, 1_000),
  );

const bodyText = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.oneof(
    { arbitrary: value.map((each) => JSON.stringify(each) ?? ''), weight: 30 },
    {
      arbitrary: fc.constantFrom(
        '',
        '{',
        '"',
        'null',
        '[]',
        '{"id":',
        '['.repeat(100_000),
        '\ufeff{}',
        'NaN',
      ),
      weight: 1,
    },
  );
