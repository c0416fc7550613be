// docs/reference/api.md: how the API behaves as a whole, then every endpoint from the tables.
import { ERROR_CODES, type ErrorCode } from '#libs/api-contract';
import {
  ERRORS_OF_ALL,
  ERRORS_OF_BODIES,
  ERRORS_OF_DEFINITIONS,
  ERRORS_OF_DEPLOYMENTS,
  ERRORS_OF_STATE,
  ERRORS_OF_WRITES,
  type Answer,
  type Endpoint,
  type Parameter,
} from '../endpoint.js';
import { ENDPOINTS, TAGS } from '../endpoints.js';
import {
  appEmbed,
  cursor,
  dryRun,
  force,
  groupEmbed,
  limit,
  partialUpdate,
  scale,
  wipe,
} from '../parameters.js';
import { anchor, code, fenced, json, page, table } from './markdown.js';
import { typeWords } from './schema-words.js';

/** Of many calls: told once. */
const COMMON = [force, dryRun, partialUpdate, scale, wipe, limit, cursor];
const EMBEDS = [appEmbed, groupEmbed];
/** Errors that come together, under the name of what brings them. */
const BUNDLES: readonly (readonly [string, readonly ErrorCode[]])[] = [
  ['of a definition', ERRORS_OF_DEFINITIONS],
  ['of a deployment', ERRORS_OF_DEPLOYMENTS],
];
const URL = 'http://127.0.0.1:8080';
const errorLinks = (codes: readonly ErrorCode[]): string =>
  codes.map((each) => `${ERROR_CODES[each].status} [${each}](errors.md#${each})`).join(', ');

const INTRO = `# API

Under \`/v2\` Marathon's API, under \`/v3\` what Marathon lacks. A running control plane shows the same as a page at \`/docs\`, and as OpenAPI 3.1 at \`/docs/json\`.
The address is ${URL} unless \`--bind\` and \`--api-port\` say otherwise.

| topic | rule |
|---|---|
| Ids in paths | With their slashes: \`/v2/apps/shop/web\`. \`//\` counts as one slash, one at the end is ignored, \`%2F\` is a slash |
| Bodies | JSON, at most 4 MiB. \`Content-Type: application/json\`, or none. Members that are not known are ignored; \`null\` means "not given" |
| Booleans in the query | \`true\` in any case is true; every other text is false, and no error |
| Times | UTC with three decimals: \`2026-01-31T12:00:00.000Z\`. A version is such a time |
| Changes | Answer at once, with the id of the deployment in the body and in \`Marathon-Deployment-Id\`; follow it at \`/v2/deployments\`, \`/v3/deployments/ID\` or in the [events](events.md) |
| Locks | An app that is being deployed takes no other change: 409 with the deployment's id. \`force=true\` cancels that deployment |
| Credentials | With \`--auth FILE\`: basic auth, for every call but \`/ping\`. Without it the API listens on loopback only. Agents and proxies show their token |
| Web pages | Of other origins are refused; \`--access-control-allow-origin\` lets them read |
| Several control planes | Each one answers: those that do not lead pass calls on to the leader, and answer 302 for event streams |
| Unchanged lists | Answers with an \`ETag\`: send it as \`If-None-Match\`, and the answer is 304 without a body as long as nothing changed. Not with \`taskStats\`, which change by themselves |
| Compression | gzip for clients that accept it |
| Errors | JSON with \`message\`; see [errors.md](errors.md) |`;

export function apiPage(): string {
  const tags = Object.entries(TAGS).map(([name, about]) => ({
    name,
    about,
    endpoints: ENDPOINTS.filter(({ tag }) => tag === name),
  }));
  return page(
    INTRO,
    '## Endpoints',
    table(
      ['call', 'what it does'],
      tags.flatMap(({ endpoints }) =>
        endpoints.map((each) => [`[${titleOf(each)}](#${anchor(titleOf(each))})`, each.summary]),
      ),
    ),
    '## Parameters of many calls',
    parameterTable(COMMON),
    '## What to embed',
    'In calls that show apps, and in calls that show groups. Both may be repeated.',
    table(
      ['calls', 'values', 'without it'],
      EMBEDS.map(({ meaning, whenAbsent = '' }, at) => [at === 0 ? 'apps' : 'groups', meaning, whenAbsent]),
    ),
    '## Errors of many calls',
    table(
      ['calls', 'errors'],
      [
        ['all', errorLinks(ERRORS_OF_ALL)],
        ['under `/v2` and `/v3`', errorLinks(ERRORS_OF_STATE)],
        ['other than GET', errorLinks(ERRORS_OF_WRITES)],
        ['with a body', errorLinks(ERRORS_OF_BODIES)],
        ...BUNDLES.map(([name, codes]) => [`"errors ${name}"`, errorLinks(codes)]),
      ],
    ),
    'Below, only what comes on top is listed.',
    ...tags.flatMap(({ name, about, endpoints }) => [`## ${name}`, about, ...endpoints.map(section)]),
  );
}

const titleOf = ({ method, path }: Endpoint): string => `${method} ${path}`;

function section(endpoint: Endpoint): string {
  const { summary, detail, parameters = [], body, answers, token } = endpoint;
  const own = parameters.filter((each) => ![...COMMON, ...EMBEDS].includes(each));
  const known = parameters.filter((each) => COMMON.includes(each));
  const embed = parameters.some((each) => EMBEDS.includes(each));
  const errors = errorWords(endpoint.errors ?? []);
  const also = [
    ...known.map(({ name }) => `[${code(name)}](#parameters-of-many-calls)`),
    ...(embed ? ['[`embed`](#what-to-embed)'] : []),
  ];
  return [
    `### ${titleOf(endpoint)}`,
    [`${summary}.`, detail, token && `For ${token === 'agent' ? 'agents' : 'proxies'}, with their token.`]
      .filter((each) => each !== undefined)
      .join(' '),
    own.length ? parameterTable(own) : '',
    [
      ...(also.length ? [`- ${own.length ? 'Also' : 'Takes'}: ${also.join(', ')}`] : []),
      ...(body ? [`- Body: ${body.meaning}`] : []),
      ...answers.map((each) => `- ${answerWords(each)}`),
      ...(errors === '' ? [] : [`- Errors: ${errors}`]),
    ].join('\n'),
    exampleOf(endpoint),
  ]
    .filter((each) => each !== '')
    .join('\n\n');
}

function errorWords(codes: readonly ErrorCode[]): string {
  const bundles = BUNDLES.filter(([, bundle]) => bundle.every((each) => codes.includes(each)));
  const single = codes.filter((each) => !bundles.some(([, bundle]) => bundle.includes(each)));
  return [
    ...(single.length ? [errorLinks(single)] : []),
    ...(bundles.length
      ? [`[those ${bundles.map(([name]) => name).join(' and ')}](#errors-of-many-calls)`]
      : []),
  ].join(', ');
}

const parameterTable = (parameters: readonly Parameter[]): string =>
  table(['parameter', 'type', 'default', 'meaning'], parameters.map(parameterRow));

function parameterRow({
  name,
  in: place,
  schema,
  meaning,
  whenAbsent,
  required,
  repeatable,
}: Parameter): string[] {
  const fallback = schema['default'];
  return [
    `${code(name)}${place === 'header' ? ' (header)' : ''}`,
    repeatable ? 'text, repeatable' : typeWords(schema),
    required ? '**required**' : fallback === undefined ? (whenAbsent ?? '') : json(fallback),
    meaning,
  ];
}

function answerWords({ status, meaning, schema, type, headers = {} }: Answer): string {
  const name = typeof schema === 'string' ? ` (${code(schema)})` : '';
  const shown = type === undefined ? '' : ` As ${code(type)}.`;
  const names = Object.keys(headers).map(code);
  return `${status}: ${meaning}${name}${shown}${names.length ? ` With ${names.join(', ')}.` : ''}`;
}

function exampleOf({ method, example }: Endpoint): string {
  if (!example) return '';
  const { target, body, headers = [] } = example;
  const words = [
    headers.some((each) => each.includes('event-stream')) ? 'curl -N' : 'curl',
    ...(method === 'GET' || (method === 'POST' && body !== undefined) ? [] : [`-X ${method}`]),
    ...headers.map((each) => `-H '${each}'`),
    `'${URL}${target}'`,
    ...(body === undefined
      ? []
      : [`-H 'Content-Type: application/json' -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`]),
  ];
  return fenced(words.join(' '), 'sh');
}
