// Cross-origin requests (Fetch standard, CORS protocol): preflights are answered here, and answers tell the browser who may read them.
// The service's rules replace what the task says about it.
import { NOT_FROM_THIS_ORIGIN, type HeaderEdit, type RouteCors } from '#libs/routing';
import type { OwnAnswer } from './own-answer.js';
import type { RequestFacts } from './request-facts.js';

const NONE: readonly HeaderEdit[] = [];
const VARY: HeaderEdit = { do: 'add', name: 'vary', value: 'Origin' };
const NOBODY: readonly HeaderEdit[] = [
  { do: 'remove', name: 'access-control-allow-origin' },
  { do: 'remove', name: 'access-control-allow-credentials' },
];

/** Undefined: it is no preflight, so it is for the task. */
export function answerPreflight(cors: RouteCors, facts: RequestFacts): OwnAnswer | undefined {
  if (facts.method !== 'OPTIONS') return undefined;
  const [origin, method] = [facts.header('origin'), facts.header('access-control-request-method')];
  if (origin === undefined || method === undefined) return undefined;
  if (!allows(cors, origin))
    return { kind: 'answer', status: 403, message: NOT_FROM_THIS_ORIGIN, headers: [['vary', 'Origin']] };
  const headers: [string, string][] = originHeaders(cors, origin);
  headers.push(['access-control-allow-methods', cors.methods?.join(', ') ?? asToken(method)]);
  const asked = facts.header('access-control-request-headers');
  const names = cors.headers?.join(', ') ?? (asked === undefined ? '' : asTokens(asked));
  if (names !== '') headers.push(['access-control-allow-headers', names]);
  if (cors.maxAgeSeconds !== undefined) headers.push(['access-control-max-age', String(cors.maxAgeSeconds)]);
  headers.push(['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers']);
  // 200, for an empty answer of status 204 would have no length, and paths differ in how they end it
  return { kind: 'answer', status: 200, message: '', headers };
}

/** For the answer to a request that is no preflight. */
export function corsEdits(cors: RouteCors, facts: RequestFacts): readonly HeaderEdit[] {
  const origin = facts.header('origin');
  const varies = !cors.origins.includes('*');
  if (origin === undefined) return varies ? [VARY] : NONE;
  if (!allows(cors, origin)) return [...NOBODY, VARY];
  const headers = originHeaders(cors, origin);
  if (cors.exposed) headers.push(['access-control-expose-headers', cors.exposed.join(', ')]);
  const edits: HeaderEdit[] = headers.map(([name, value]) => ({ do: 'set', name, value }));
  if (varies) edits.push(VARY);
  return edits;
}

/** What of these edits is for an answer of the proxy's own: a page must be able to read why. */
export const corsHeaders = (edits: readonly HeaderEdit[]): OwnAnswer['headers'] =>
  edits.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));

function originHeaders(cors: RouteCors, origin: string): [string, string][] {
  const all = cors.origins.includes('*');
  const headers: [string, string][] = [['access-control-allow-origin', all ? '*' : origin]];
  if (cors.credentials) headers.push(['access-control-allow-credentials', 'true']);
  return headers;
}

const allows = ({ origins }: RouteCors, origin: string): boolean =>
  origins.includes('*') || origins.some((each) => each.toLowerCase() === origin.toLowerCase());

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const asToken = (text: string): string => (TOKEN.test(text) ? text : 'GET');
/** What was asked for goes back into a header: only names do. */
const asTokens = (text: string): string =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => TOKEN.test(each))
    .join(', ');
