// docs/reference/errors.md: every error by its status, with when, its texts, and what to do.
import {
  ERROR_CODES,
  ERROR_EXAMPLES,
  errorBody,
  type ErrorCode,
  type LongrunError,
} from '#libs/api-contract';
import { code, fenced, page, sentence, table } from './markdown.js';

const INTRO = `# Errors

Every error is a JSON object with \`message\`. Texts and statuses are Marathon's where clients match on them.

| member | when |
|---|---|
| \`message\` | always: what is wrong, for people |
| \`details\` | with 422: a list of \`{"path", "errors"}\`, all violations of one kind together. With 400 for unreadable JSON: the words of the parser, as a text |
| \`deployments\` | with 409 for a lock, and only then: \`[{"id"}]\` of the deployments that hold it |

A path names the member that is wrong: \`/container/portMappings(0)/hostPort\`; \`/\` is the whole object. In a list of apps it begins with the index: \`(1)/instances\`.
Types and ranges are looked at first (\`Invalid JSON\`), rules only when those are clean (\`Object is not valid\`).
Of what was sent a text repeats the first 200 characters at most; more is shown as \`…\`, in a path in its middle.

"Again" means: the same call may succeed later without any change to it. Answers with 503 carry \`Retry-After\`.`;

const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};
/** Of texts that clients may read into a schema violation. */
const SCHEMA_TEXTS: readonly (readonly [string, string])[] = [
  ['error.expected.jsstring', 'a text is expected'],
  ['error.expected.jsnumber', 'a number is expected; a number in quotes is a text'],
  ['error.expected.int', 'a whole number is expected, of at most 2147483647'],
  ['error.expected.jsboolean', '`true` or `false` is expected'],
  ['error.expected.jsarray', 'a list is expected'],
  ['error.expected.jsobject', 'an object is expected'],
  ['error.expected.date.isoformat', 'a timestamp like `2026-01-31T12:00:00.000Z` is expected'],
  ['error.min`, `error.max', 'the number is below or above its range'],
  ['error.minLength`, `error.maxLength', 'the text or list is too short or too long'],
  ['error.pattern', 'the text does not have the form of this member'],
  ['error.unknown.enum.literal', 'the text is none of the words of this member'],
  ["'<member>' is undefined on object: …", 'a mandatory member is missing'],
];

export function errorsPage(): string {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const statuses = [...new Set(codes.map((each) => ERROR_CODES[each].status))].sort(
    (one, other) => one - other,
  );
  return page(
    INTRO,
    ...statuses.flatMap((status) => {
      const ofStatus = codes.filter((each) => ERROR_CODES[each].status === status);
      return [`## ${status} ${STATUS_WORDS[status] ?? ''}`.trim(), ...ofStatus.map(section)];
    }),
    '## Texts of schema violations',
    table(
      ['text', 'meaning'],
      SCHEMA_TEXTS.map(([text, meaning]) => [code(text), meaning]),
    ),
  );
}

function section(name: ErrorCode): string {
  const { meaning, remedy, retryable } = ERROR_CODES[name];
  const examples = Object.values(ERROR_EXAMPLES).filter((each) => each.code === name);
  return [
    `### ${name}`,
    `${sentence(meaning)} ${remedy}${retryable ? ' Again: yes.' : ''}`,
    fenced(examples.map(bodyOf).join('\n'), 'json'),
  ].join('\n\n');
}

const bodyOf = (error: LongrunError): string => JSON.stringify(errorBody(error));
