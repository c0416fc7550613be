// Table of contents: the shapes of the REST API and its errors.
export { ERROR_CODES, LongrunError, errorBody } from './errors.js';
export type { ErrorBody, ErrorCode, ErrorDetail, LongrunErrorOptions } from './errors.js';
export { failures } from './failures.js';
