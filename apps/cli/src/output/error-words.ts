// The API answers some mistakes with Marathon's keys, for its clients match on them; a person gets words.

const WORDS: Readonly<Record<string, string>> = {
  'error.expected.jsstring': 'must be a text',
  'error.expected.jsnumber': 'must be a number',
  'error.expected.int': 'must be a whole number',
  'error.expected.jsboolean': 'must be true or false',
  'error.expected.jsarray': 'must be a list',
  'error.expected.jsobject': 'must be an object',
  'error.expected.date.isoformat': 'must be a time such as 2026-01-31T12:00:00.000Z',
  'error.min': 'is too small',
  'error.max': 'is too large',
  'error.minLength': 'is too short',
  'error.maxLength': 'is too long',
  'error.pattern': 'has characters that are not allowed here, or is not of the form that is wanted',
  'error.unknown.enum.literal': 'is none of the values that there are',
};

/** With the key behind it, which the reference explains; all else as it is. */
export const inWords = (error: string): string =>
  Object.hasOwn(WORDS, error) ? `${WORDS[error]} (${error})` : error;
