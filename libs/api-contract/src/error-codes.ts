// Every error the API can answer with, as one table: status, whether the same request may succeed later, when it is answered and what to do.
// docs/reference/errors.md is generated from it; the texts are in failures.ts.

interface ErrorKind {
  /** HTTP status. */
  readonly status: number;
  /** True: the same request may succeed later without any change to it. */
  readonly retryable: boolean;
  /** When it is answered. */
  readonly meaning: string;
  /** What the caller can do. */
  readonly remedy: string;
}

export const ERROR_CODES = {
  'invalid-json': {
    status: 400,
    retryable: false,
    meaning: 'the body is not JSON',
    remedy: 'Send JSON; `details` says where the parser stopped.',
  },
  'empty-body': {
    status: 400,
    retryable: false,
    meaning: 'a body is needed and there is none',
    remedy: 'Send a body, with `Content-Type: application/json`.',
  },
  'bad-request': {
    status: 400,
    retryable: false,
    meaning: 'a request that contradicts itself',
    remedy: 'Read the message; it names what does not go together.',
  },
  unauthorized: {
    status: 401,
    retryable: false,
    meaning: 'no or wrong credentials',
    remedy: 'Send the name and password of a user (`--auth`), or the token of an agent or proxy.',
  },
  forbidden: {
    status: 403,
    retryable: false,
    meaning: 'the credentials do not allow it',
    remedy: 'Use other credentials.',
  },
  'foreign-origin': {
    status: 403,
    retryable: false,
    meaning: 'the request comes from a web page of another origin',
    remedy:
      'Call the API from a page of its own address, from a server, or by `curl`; pages that only read can be allowed with `--access-control-allow-origin`.',
  },
  'bad-host': {
    status: 403,
    retryable: false,
    meaning: 'the Host header names no host of this server',
    remedy: 'Use the address, `localhost`, or the name given with `--hostname`.',
  },
  'too-many-deployments': {
    status: 403,
    retryable: true,
    meaning: 'the limit of running deployments is reached',
    remedy: 'Wait until some are done, or cancel one: `DELETE /v2/deployments/ID`.',
  },
  'not-found': {
    status: 404,
    retryable: false,
    meaning: 'the named thing does not exist',
    remedy: 'Check the id; the message says what kind of thing is missing.',
  },
  'uri-not-found': {
    status: 404,
    retryable: false,
    meaning: 'no such route',
    remedy: 'Check the path against the list of endpoints at `/docs`.',
  },
  'method-not-allowed': {
    status: 405,
    retryable: false,
    meaning: 'the route exists, with other methods',
    remedy: 'Use a method that the path has. For event streams: send `Accept: text/event-stream`.',
  },
  'not-acceptable': {
    status: 406,
    retryable: false,
    meaning: 'the answer exists in none of the accepted types',
    remedy: 'Accept `application/json`, or send no `Accept` at all.',
  },
  'already-exists': {
    status: 409,
    retryable: false,
    meaning: 'the id is taken',
    remedy: 'Change it with PUT, or choose another id.',
  },
  'deployment-lock': {
    status: 409,
    retryable: true,
    meaning: 'a running deployment holds the app',
    remedy:
      'Wait for the deployments named in `deployments`, or send the call again with `?force=true`, which cancels them.',
  },
  conflict: {
    status: 409,
    retryable: true,
    meaning: 'the state changed meanwhile',
    remedy: 'Read the state again, and repeat the call if it still makes sense.',
  },
  'cursor-gone': {
    status: 410,
    retryable: false,
    meaning: 'no event with this number is kept: too old, or never sent',
    remedy:
      'Read the state by GET, then open the stream without a cursor, or from the number in the message.',
  },
  'payload-too-large': {
    status: 413,
    retryable: false,
    meaning: 'the body is above the limit',
    remedy: 'Send less than 4 MiB; split a long list of apps.',
  },
  'unsupported-media-type': {
    status: 415,
    retryable: false,
    meaning: 'the body has a type other than JSON',
    remedy: 'Send `Content-Type: application/json`.',
  },
  'schema-violation': {
    status: 422,
    retryable: false,
    meaning: 'types, ranges or patterns are wrong',
    remedy: 'Correct each member in `details`: its path, and what is wrong there.',
  },
  'rule-violation': {
    status: 422,
    retryable: false,
    meaning: 'a rule of the definition is broken',
    remedy:
      'Correct each member in `details`; the text names the rule and, if the member is not supported yet, what to do instead.',
  },
  'invalid-argument': {
    status: 422,
    retryable: false,
    meaning: 'a parameter cannot be read',
    remedy: 'Correct the parameter that the message names.',
  },
  'service-ports-exhausted': {
    status: 422,
    retryable: true,
    meaning: 'no service port of the range is free',
    remedy: 'Remove apps, or widen the range with `--service-ports`.',
  },
  internal: {
    status: 500,
    retryable: false,
    meaning: 'a bug or a broken part',
    remedy: 'Look into the log of the control plane, and report it.',
  },
  'no-leader': {
    status: 502,
    retryable: true,
    meaning: 'no control plane leads at the moment',
    remedy:
      'Send it again after some seconds. If it stays: is a control plane running, and does it reach its database?',
  },
  'storage-unavailable': {
    status: 503,
    retryable: true,
    meaning: 'the database cannot be reached',
    remedy: 'Send it again after the seconds in `Retry-After`. Tasks and traffic go on meanwhile.',
  },
  'not-leading': {
    status: 503,
    retryable: true,
    meaning: 'this control plane does not lead (yet)',
    remedy: 'Send it again after the seconds in `Retry-After`.',
  },
  overloaded: {
    status: 503,
    retryable: true,
    meaning: 'too many requests at once',
    remedy:
      'Send it again after the seconds in `Retry-After`, and fewer at once (`--http-max-concurrent-requests`).',
  },
  'disk-full': {
    status: 507,
    retryable: true,
    meaning: 'the disk of the server is nearly full',
    remedy: 'Make room on the disk that the message names. Reading, scaling down and removing still work.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;
