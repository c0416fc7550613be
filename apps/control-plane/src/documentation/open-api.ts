// The OpenAPI document, built from the tables of endpoints. Not from the controllers: ids hold slashes, so one wildcard route of theirs
// stands for several paths, and what a body may be is known by the readers of the model.
import { ERROR_CODES, type ErrorCode } from '#libs/api-contract';
import { ANSWER_SCHEMAS, ref } from './answer-schemas.js';
import { BODY_SCHEMAS } from './body-schemas.js';
import { errorsOf, namesIn, type Answer, type Endpoint, type Parameter, type Schema } from './endpoint.js';
import { ENDPOINTS, TAGS } from './endpoints.js';
import { ifNoneMatch, PATH_PARAMETERS } from './parameters.js';

export type OpenApi = Readonly<Record<string, unknown>> & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly securitySchemes: Schema;
  };
};

export function openApi(version: string): OpenApi {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const endpoint of ENDPOINTS) {
    (paths[endpoint.path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Longrun',
      version,
      description:
        "Marathon's v2 API, and under /v3 what Marathon lacks. Ids hold slashes: `{id}` stands for `shop/web`, not for one segment.",
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...BODY_SCHEMAS, ...ANSWER_SCHEMAS },
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'With --auth.' },
        token: { type: 'http', scheme: 'bearer', description: 'Of an agent or a proxy.' },
      },
    },
  };
}

function operation(endpoint: Endpoint): Schema {
  const { method, path, tag, summary, detail, body, token, tagged } = endpoint;
  const parameters = [...(endpoint.parameters ?? []), ...(tagged ? [ifNoneMatch] : [])];
  return {
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    ...(detail === undefined ? {} : { description: detail }),
    parameters: [...namesIn(path).map(pathParameter), ...parameters.map(showParameter)],
    ...(body
      ? {
          requestBody: {
            required: body.required,
            description: body.meaning,
            content: { 'application/json': { schema: named(body.schema) } },
          },
        }
      : {}),
    responses: responses(endpoint),
    security: path === '/ping' ? [] : token ? [{ token: [] }] : [{ basic: [] }, {}],
  };
}

/** `put_v2_apps_id_restart`; stable, for generators of clients. */
const operationId = (method: string, path: string): string =>
  `${method.toLowerCase()}${path.replaceAll('*', 'all').replaceAll(/[^\w]+/g, '_')}`.replace(/_$/, '');

const named = (schema: string | Schema): Schema => (typeof schema === 'string' ? ref(schema) : schema);

function pathParameter(name: string): Schema {
  const { meaning, example } = PATH_PARAMETERS[name] ?? { meaning: name, example: name };
  return { name, in: 'path', required: true, description: meaning, schema: { type: 'string' }, example };
}

function showParameter({
  name,
  in: place,
  schema,
  meaning,
  whenAbsent,
  required,
  repeatable,
}: Parameter): Schema {
  return {
    name,
    in: place,
    required: required === true,
    description: whenAbsent === undefined ? meaning : `${meaning} Without it: ${whenAbsent}.`,
    schema,
    ...(repeatable ? { style: 'form', explode: true } : {}),
  };
}

function responses(endpoint: Endpoint): Schema {
  const result: Record<string, Schema> = {};
  if (endpoint.tagged) result['304'] = { description: 'Nothing changed since If-None-Match.' };
  for (const answer of endpoint.answers) result[answer.status] = showAnswer(answer);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(endpoint)) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const [status, codes] of byStatus) {
    result[status] = {
      description: codes.map((code) => `${code}: ${ERROR_CODES[code].meaning}`).join('; '),
      content: { 'application/json': { schema: ref('Error') } },
    };
  }
  return result;
}

function showAnswer({ meaning, schema, type = 'application/json', headers }: Answer): Schema {
  return {
    description: meaning,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, description]) => [
              name,
              { description, schema: { type: 'string' } },
            ]),
          ),
        }
      : {}),
    ...(schema === undefined ? {} : { content: { [type]: { schema: named(schema) } } }),
  };
}
