// What anything thrown says, for a line of the log or an answer.

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
