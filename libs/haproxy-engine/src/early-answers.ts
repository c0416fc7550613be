// Answers of HAProxy's own to requests that it cannot read, or that come too slowly.

/** Of a head. As the built-in engine has it. */
export const HEAD_LINES_MAX = 256;

/** 400. */
export const NOT_VALID = `the request is not valid HTTP, or its head is longer than 15 KiB or ${HEAD_LINES_MAX} lines, which is all that the HAProxy engine takes`;

/** Before it is known whom a request is for. */
export const EARLY_ANSWERS: readonly (readonly [status: number, words: string])[] = [
  [400, NOT_VALID],
  [408, 'the request came too slowly'],
];
