// What is written down about one endpoint. The tables of these are the one source of `/docs`, `/docs/json` and
// docs/reference/api.md; a spec holds them against the routes of the controllers, and the fuzz against what the server answers.
import { ERROR_CODES, type ErrorCode } from '#libs/api-contract';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** JSON Schema as OpenAPI 3.1 has it. */
export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly schema: Schema;
  readonly meaning: string;
  /** What holds when it is not given, in words; the value itself is the schema's `default`. */
  readonly whenAbsent?: string;
  readonly required?: true;
  readonly repeatable?: true;
}

export interface Body {
  /** Name of a schema in `components`, or a schema of its own. */
  readonly schema: string | Schema;
  readonly meaning: string;
  /** False: this call reads no body when there is none. */
  readonly required: boolean;
}

/** An answer that is no error. */
export interface Answer {
  readonly status: number;
  readonly meaning: string;
  /** Absent: no body. */
  readonly schema?: string | Schema;
  /** `application/json` as a rule. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Example {
  /** Path with query, below the address of the API. */
  readonly target: string;
  readonly body?: unknown;
  readonly headers?: readonly string[];
}

export interface Endpoint {
  readonly method: Method;
  /** With `{name}` for what varies. Ids in it may hold slashes. */
  readonly path: string;
  readonly tag: string;
  /** One line. */
  readonly summary: string;
  /** What one must know to use it; Markdown. */
  readonly detail?: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: Body;
  readonly answers: readonly Answer[];
  /** Of its own; what every call may answer is added by `errorsOf`. */
  readonly errors?: readonly ErrorCode[];
  readonly example?: Example;
  /** With an `ETag`: takes If-None-Match and may answer 304. */
  readonly tagged?: true;
  /** Callers show a token of this role instead of a user's credentials. */
  readonly token?: 'agent' | 'proxy';
}

/** Of every call. */
export const ERRORS_OF_ALL: readonly ErrorCode[] = [
  'bad-request',
  'unauthorized',
  'foreign-origin',
  'bad-host',
];
export const ERRORS_OF_STATE: readonly ErrorCode[] = ['not-acceptable', 'no-leader', 'not-leading'];
export const ERRORS_OF_WRITES: readonly ErrorCode[] = [
  'unsupported-media-type',
  'payload-too-large',
  'storage-unavailable',
];
export const ERRORS_OF_BODIES: readonly ErrorCode[] = ['invalid-json', 'empty-body'];

/** Of every call that starts a deployment. */
export const ERRORS_OF_DEPLOYMENTS: readonly ErrorCode[] = [
  'too-many-deployments',
  'deployment-lock',
  'conflict',
];
/** Of every call with a definition in it. */
export const ERRORS_OF_DEFINITIONS: readonly ErrorCode[] = [
  'schema-violation',
  'rule-violation',
  'service-ports-exhausted',
  'disk-full',
];

/** Every error that it may answer, in the order of their statuses. */
export function errorsOf(endpoint: Endpoint): readonly ErrorCode[] {
  const isWrite = !['GET', 'HEAD', 'OPTIONS'].includes(endpoint.method);
  const found = new Set<ErrorCode>([
    ...ERRORS_OF_ALL,
    ...(/^\/v[23]\//.test(endpoint.path) ? ERRORS_OF_STATE : []),
    ...(isWrite ? ERRORS_OF_WRITES : []),
    ...(endpoint.body?.required ? ERRORS_OF_BODIES : []),
    ...(endpoint.parameters?.some(({ name }) => name === 'limit') ? (['invalid-argument'] as const) : []),
    ...(endpoint.errors ?? []),
  ]);
  return [...found].sort((one, other) => ERROR_CODES[one].status - ERROR_CODES[other].status);
}

/** `{names}` of a path. */
export const namesIn = (path: string): readonly string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
