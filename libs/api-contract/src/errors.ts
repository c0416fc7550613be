// Every error the API can answer with: one class, one table (docs/reference/errors.md mirrors it). The table says the HTTP status
// and whether the same request may succeed later; the texts are Marathon's where clients match on them (api.md 1.2, 1.3).

interface ErrorKind {
  /** HTTP status. */
  readonly status: number;
  /** True: the same request may succeed later without any change to it. */
  readonly retryable: boolean;
  readonly meaning: string;
}

export const ERROR_CODES = {
  'invalid-json': { status: 400, retryable: false, meaning: 'the body is not JSON' },
  'empty-body': { status: 400, retryable: false, meaning: 'a body is needed and there is none' },
  'bad-request': { status: 400, retryable: false, meaning: 'a request that contradicts itself' },
  unauthorized: { status: 401, retryable: false, meaning: 'no or wrong credentials' },
  forbidden: { status: 403, retryable: false, meaning: 'the credentials do not allow it' },
  'foreign-origin': {
    status: 403,
    retryable: false,
    meaning: 'the request comes from a web page of another origin',
  },
  'bad-host': { status: 403, retryable: false, meaning: 'the Host header names no host of this server' },
  'too-many-deployments': {
    status: 403,
    retryable: true,
    meaning: 'the limit of running deployments is reached',
  },
  'not-found': { status: 404, retryable: false, meaning: 'the named thing does not exist' },
  'uri-not-found': { status: 404, retryable: false, meaning: 'no such route' },
  'method-not-allowed': { status: 405, retryable: false, meaning: 'the route exists, with other methods' },
  'not-acceptable': {
    status: 406,
    retryable: false,
    meaning: 'the answer exists in none of the accepted types',
  },
  'already-exists': { status: 409, retryable: false, meaning: 'the id is taken' },
  'deployment-lock': { status: 409, retryable: true, meaning: 'a running deployment holds the app' },
  conflict: { status: 409, retryable: true, meaning: 'the state changed meanwhile' },
  'cursor-gone': { status: 410, retryable: false, meaning: 'events before this cursor are no longer kept' },
  'payload-too-large': { status: 413, retryable: false, meaning: 'the body is above the limit' },
  'unsupported-media-type': { status: 415, retryable: false, meaning: 'the body has a type other than JSON' },
  'schema-violation': { status: 422, retryable: false, meaning: 'types, ranges or patterns are wrong' },
  'rule-violation': { status: 422, retryable: false, meaning: 'a rule of the definition is broken' },
  'invalid-argument': { status: 422, retryable: false, meaning: 'a parameter cannot be read' },
  'service-ports-exhausted': {
    status: 422,
    retryable: true,
    meaning: 'no service port of the range is free',
  },
  internal: { status: 500, retryable: false, meaning: 'a bug or a broken part' },
  'no-leader': { status: 502, retryable: true, meaning: 'no control plane leads at the moment' },
  'storage-unavailable': { status: 503, retryable: true, meaning: 'the database cannot be reached' },
  'not-leading': { status: 503, retryable: true, meaning: 'this control plane does not lead (yet)' },
  overloaded: { status: 503, retryable: true, meaning: 'too many requests at once' },
  'disk-full': { status: 507, retryable: true, meaning: 'the disk of the server is nearly full' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** As in `details` of a 422. */
export interface ErrorDetail {
  readonly path: string;
  readonly errors: readonly string[];
}

export interface LongrunErrorOptions {
  /** A list for 422, the parser's text for 400. */
  readonly details?: readonly ErrorDetail[] | string;
  /** Ids of the deployments that hold the lock. Never set for other conflicts: clients take its presence for a lock. */
  readonly deployments?: readonly string[];
  readonly cause?: unknown;
}

/** The one error class of the API; made by the functions in `failures.ts`, rendered by one filter through `errorBody`. */
export class LongrunError extends Error {
  override readonly name = 'LongrunError';
  readonly details?: readonly ErrorDetail[] | string;
  readonly deployments?: readonly string[];

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: LongrunErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (options.details !== undefined) this.details = options.details;
    if (options.deployments !== undefined) this.deployments = options.deployments;
  }

  /** HTTP status. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** Body of an error answer. */
export interface ErrorBody {
  readonly message: string;
  readonly details?: readonly ErrorDetail[] | string;
  readonly deployments?: readonly { readonly id: string }[];
}

/** Marathon's error body; nothing besides its members, for strict clients fail on others. */
export const errorBody = (error: LongrunError): ErrorBody => ({
  message: error.message,
  ...(error.details === undefined ? {} : { details: error.details }),
  ...(error.deployments === undefined ? {} : { deployments: error.deployments.map((id) => ({ id })) }),
});
