// What was sent, in a sentence about it: its beginning is enough, for whoever sent it has the rest.

/** Characters of what was sent that a message repeats. */
export const PIECE_MAX = 200;

/** The beginning of a text, never half a surrogate pair; `…` stands for the rest. */
export const piece = (sent: string, max: number = PIECE_MAX): string =>
  sent.length > max ? `${sent.slice(0, max).replace(/[\uD800-\uDBFF]$/, '')}…` : sent;
