import { describe, expect, it } from '@jest/globals';
import { appSchemaJson } from './app-schema.js';
import { nullable } from './json-schema.js';
import { Problems } from './problems.js';
import {
  decimal,
  filled,
  lazy,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  required,
  schemaOf,
  text,
  type Reader,
} from './reader.js';

describe('the schema of a reader', () => {
  it('is composed like the reader, with bounds, defaults and null for what is not mandatory', () => {
    const read = object({
      name: required(text({ min: 1, max: 5, pattern: /^[a-z]+$/ }), 'What it is called.', 'web'),
      share: filled(decimal({ min: 0, max: 1 }), 0.5),
      modes: optional(list(oneOf('RO', 'RW'), { min: 1 })),
      mode: optional(oneOf('RO', 'RW')),
      labels: filled(mapOf(text()), {}),
    });
    expect(schemaOf(read)).toEqual({
      type: 'object',
      required: ['name'],
      properties: {
        name: {
          type: 'string',
          minLength: 1,
          maxLength: 5,
          pattern: '^[a-z]+$',
          description: 'What it is called.',
          examples: ['web'],
        },
        share: { type: ['number', 'null'], format: 'double', minimum: 0, maximum: 1, default: 0.5 },
        modes: { type: ['array', 'null'], items: { type: 'string', enum: ['RO', 'RW'] }, minItems: 1 },
        mode: { type: ['string', 'null'], enum: ['RO', 'RW', null] },
        labels: { type: ['object', 'null'], additionalProperties: { type: 'string' }, default: {} },
      },
    });
  });

  it('points to itself by a reference where a definition holds others of its kind', () => {
    interface Tree {
      groups?: Tree[];
    }
    const tree: Reader<Tree> = object({ groups: optional(list(lazy('#/Tree', () => tree))) });
    expect(schemaOf(tree).properties?.groups?.items).toEqual({ $ref: '#/Tree' });
    const problems = new Problems();
    tree({ groups: [{ groups: [{ groups: 1 }] }] }, '', problems);
    expect(problems.as('schema').problems).toEqual([
      { path: '/groups(0)/groups(0)/groups', errors: ['error.expected.jsarray'] },
    ]);
  });

  it('takes null beside alternatives and references too', () => {
    expect(nullable({ anyOf: [{ type: 'string' }] })).toEqual({
      anyOf: [{ type: 'string' }, { type: 'null' }],
    });
    expect(nullable({ $ref: '#/T' })).toEqual({ anyOf: [{ $ref: '#/T' }, { type: 'null' }] });
    expect(nullable({})).toEqual({});
  });
});

describe('the schema of an app', () => {
  it('has the defaults of app.md A1', () => {
    const { properties } = appSchemaJson();
    expect(properties?.instances).toMatchObject({ type: ['integer', 'null'], minimum: 0, default: 1 });
    expect(properties?.backoffFactor).toMatchObject({ minimum: 1, default: 1.15 });
    expect(appSchemaJson().required).toEqual(['id']);
  });

  it.each(['/t/app', 't/app/', '/t/x/../app', '/9to5/v1.2.3', '//a//b'])('takes the id %s', (id) => {
    expect(id).toMatch(new RegExp(appSchemaJson().properties?.id?.pattern ?? '-'));
  });

  it.each(['/T', '/t/-a', '/t/my_app', '/t/.../a', '/t./a', '/t/my app'])('refuses the id %s', (id) => {
    expect(id).not.toMatch(new RegExp(appSchemaJson().properties?.id?.pattern ?? '-'));
  });
});
