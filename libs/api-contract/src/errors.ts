// The one error class of the API and how it is rendered; what kinds there are says error-codes.ts. The texts are Marathon's where
// clients match on them (api.md 1.2, 1.3).
import { ERROR_CODES, type ErrorCode } from './error-codes.js';

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
