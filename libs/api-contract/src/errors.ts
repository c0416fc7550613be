// The one error class of the API and how it is rendered; what kinds there are says error-codes.ts. The texts are Marathon's where
// clients match on them (api.md 1.2, 1.3).
import { piece, PIECE_MAX } from '#libs/model';
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

/** Characters of one text; ours are much shorter, those of lists of ours apart. */
const TEXT_MAX = 1_000;

/** Also of what was sent and is in the text unseen by us: a word of such a length is none of ours. */
function shortened(text: string): string {
  const words = text.length > PIECE_MAX ? text.replace(LONG_WORDS, (word) => piece(word)) : text;
  return piece(words, TEXT_MAX);
}
const LONG_WORDS = new RegExp(`\\S{${PIECE_MAX + 1},}`, 'g');

/** Ends with the member itself, which tells more than the names around it. */
function shortPath(path: string): string {
  if (path.length <= PIECE_MAX) return path;
  const half = PIECE_MAX / 2;
  return `${piece(path, half)}${path.slice(-half).replace(/^[\uDC00-\uDFFF]/, '')}`;
}

const shortDetails = (details: NonNullable<LongrunErrorOptions['details']>): typeof details =>
  typeof details === 'string'
    ? shortened(details)
    : details.map(({ path, errors }) => ({ path: shortPath(path), errors: errors.map(shortened) }));

/**
 * Marathon's error body; nothing besides its members, for strict clients fail on others. The one place that every error of the API
 * passes: no text repeats more than a piece of what was sent.
 */
export const errorBody = (error: LongrunError): ErrorBody => ({
  message: shortened(error.message),
  ...(error.details === undefined ? {} : { details: shortDetails(error.details) }),
  ...(error.deployments === undefined ? {} : { deployments: error.deployments.map((id) => ({ id })) }),
});
