// The part of JSON Schema (draft 2020-12, as OpenAPI 3.1 takes it) in which readers say what they read.
export type JsonType = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'null';

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: JsonType | readonly JsonType[];
  readonly format?: string;
  readonly enum?: readonly (string | null)[];
  readonly const?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly default?: unknown;
  readonly description?: string;
  readonly examples?: readonly unknown[];
}

/** The same or null: members that are not mandatory take null for "not given". */
export function nullable(schema: JsonSchema): JsonSchema {
  const { type, enum: literals, anyOf } = schema;
  if (anyOf) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  if (schema.$ref !== undefined || schema.const !== undefined) return { anyOf: [schema, { type: 'null' }] };
  if (type === undefined) return schema;
  const types = typeof type === 'string' ? [type] : type;
  return {
    ...schema,
    type: [...types, 'null'],
    ...(literals ? { enum: [...literals, null] } : {}),
  };
}
