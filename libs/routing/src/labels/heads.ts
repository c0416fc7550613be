// What is done to heads: header rules and CORS. No rule touches what frames a message or says whom it is for: such a name would let
// a definition tear the connection between proxy and task apart.
import type { HeaderEdit, RouteCors, RouteHsts } from '../route-policy.js';
import type { LabelText, LabelTexts } from './label-texts.js';
import { present } from './members.js';
import {
  duration,
  integer,
  isFieldValue,
  isToken,
  itemsOf,
  shown,
  truth,
  type ValueReader,
} from './values.js';

const EDITS_MAX = 64;
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** One rule per line: `set NAME: VALUE`, `add NAME: VALUE`, `remove NAME`. */
export function readHeaderEdits(
  texts: LabelTexts,
  own: 'request-headers' | 'response-headers',
): readonly HeaderEdit[] | undefined {
  const found = texts.own(own);
  if (!found || found.text === '') return undefined;
  const edits: HeaderEdit[] = [];
  for (const line of found.text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const edit = readEdit(texts, found, line.trim());
    if (edit && edits.length < EDITS_MAX) edits.push(edit);
    else if (edit) {
      texts.warn(`${found.label}: only the first ${EDITS_MAX} rules are used`);
      break;
    }
  }
  return edits.length > 0 ? edits : undefined;
}

function readEdit(texts: LabelTexts, { label }: LabelText, line: string): HeaderEdit | undefined {
  const [, what, name, value] = /^(set|add|remove)\s+([^\s:]+)\s*(?::[ \t]*(.*))?$/i.exec(line) ?? [];
  const verb = what?.toLowerCase() as HeaderEdit['do'] | undefined;
  if (
    verb === undefined ||
    name === undefined ||
    !isToken(name) ||
    (verb === 'remove') !== (value === undefined)
  ) {
    texts.warn(
      `${label}: the rule ${shown(line)} is not used: it must be set NAME: VALUE, add NAME: VALUE or remove NAME, one per line`,
    );
    return undefined;
  }
  const lower = name.toLowerCase();
  if (FRAMING.has(lower)) {
    texts.warn(`${label}: ${lower} is left alone, for it frames messages or says whom they are for`);
    return undefined;
  }
  if (value !== undefined && !isFieldValue(value)) {
    texts.warn(
      `${label}: the value for ${lower} is not used: it has characters that no header may have, or is too long`,
    );
    return undefined;
  }
  return value === undefined ? { do: verb, name: lower } : { do: verb, name: lower, value };
}

/** Undefined without `cors-origins`. */
export function readCors(texts: LabelTexts): RouteCors | undefined {
  const origins = readItems(texts, 'cors-origins', isOrigin, 'origins such as https://shop.example, or *');
  if (!origins) return undefined;
  const credentials = texts.read(truth, 'cors-credentials');
  if (credentials === true && origins.includes('*'))
    texts.warn(
      'longrun.io/cors-credentials is not used with the origin *, which browsers refuse; name the origins',
    );
  const maxAge = texts.read(duration(0, 7 * 86_400_000), 'cors-max-age');
  return present<RouteCors>({
    origins: origins.includes('*') ? ['*'] : origins,
    methods: readItems(texts, 'cors-methods', isToken, 'methods such as GET, POST')?.map((each) =>
      each.toUpperCase(),
    ),
    headers: readItems(texts, 'cors-headers', isToken, 'names of headers'),
    exposed: readItems(texts, 'cors-exposed-headers', isToken, 'names of headers'),
    credentials: credentials === true && !origins.includes('*') ? true : undefined,
    maxAgeSeconds: maxAge === undefined ? undefined : Math.round(maxAge / 1000),
  });
}

const isOrigin = (text: string): boolean =>
  text === '*' || /^[a-z][a-z0-9+.-]*:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.test(text);

const LIST_MAX = 200;

function readItems(
  texts: LabelTexts,
  name: 'cors-origins' | 'cors-methods' | 'cors-headers' | 'cors-exposed-headers',
  isRight: (item: string) => boolean,
  allowed: string,
): string[] | undefined {
  const found = texts.own(name);
  if (!found || found.text === '') return undefined;
  const [right, wrong]: [string[], string[]] = [[], []];
  for (const each of itemsOf(found.text).slice(0, LIST_MAX)) (isRight(each) ? right : wrong).push(each);
  if (wrong.length > 0)
    texts.warn(`${found.label}: ${shown(wrong.join(', '))} is not used: it must be a list of ${allowed}`);
  return right.length > 0 ? right : undefined;
}

const TEN_YEARS_SECONDS = 315_360_000;
/** What marathon-lb sends: half a year. */
const DEFAULT_SECONDS = 15_768_000;

const HSTS: ValueReader<RouteHsts | null> = {
  allowed: 'true, false, or a number of seconds with include-subdomains and preload after it where wanted',
  read: (text) => {
    const [first = '', ...flags] = itemsOf(text.toLowerCase());
    const said = truth.read(first);
    // 1 and 0 are numbers of seconds here
    const seconds = integer(0, TEN_YEARS_SECONDS).read(first);
    if (said === false && seconds === undefined) return null;
    if (said === undefined && seconds === undefined) return undefined;
    if (!flags.every((each) => each === 'include-subdomains' || each === 'preload')) return undefined;
    return present<RouteHsts>({
      maxAgeSeconds: seconds ?? DEFAULT_SECONDS,
      includeSubDomains: flags.includes('include-subdomains') || undefined,
      preload: flags.includes('preload') || undefined,
    });
  },
};

export function readHsts(texts: LabelTexts): RouteHsts | undefined {
  const own = texts.read(HSTS, 'hsts');
  if (own !== undefined) return own ?? undefined;
  const theirs = texts.haproxy('USE_HSTS');
  return theirs && texts.value(truth, theirs) === true ? { maxAgeSeconds: DEFAULT_SECONDS } : undefined;
}
