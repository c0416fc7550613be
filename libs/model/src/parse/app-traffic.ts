// Reads the body of `PUT /v3/apps/ID/traffic`: types, ranges and what can be said without knowing which versions the app has.
import { TRAFFIC_LIMITS, type TrafficPin } from '../traffic.js';
import { piece } from '../piece.js';
import { Problems, type ProblemList } from './problems.js';

/** A version is a timestamp, or `current` or `previous`, which the command looks up. */
export interface AskedTraffic {
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
  readonly pins: readonly (Omit<TrafficPin, 'version'> & { readonly version: string })[];
}
export type ParsedAppTraffic = { readonly kind: 'ok'; readonly traffic: AskedTraffic } | ProblemList;

/** A whole body: what it does not name is not set any more. */
export function parseAppTraffic(body: unknown): ParsedAppTraffic {
  const problems = new Problems();
  if (!isObject(body)) {
    problems.add('/', 'must be an object with shares, and pins if there are any');
    return problems.as('schema');
  }
  for (const name of Object.keys(body))
    if (name !== 'shares' && name !== 'pins')
      problems.add(`/${name}`, 'is not known; there are shares and pins');
  checkShares(body['shares'], problems);
  checkPins(body['pins'], problems);
  if (problems.any) return problems.as('rules');
  const { shares, pins = [] } = body as unknown as Partial<AskedTraffic>;
  return {
    kind: 'ok',
    traffic: {
      shares: (shares ?? []).map(({ version, weight }) => ({ version, weight })),
      pins: pins.map(({ by, name, value, version }) => ({
        by,
        name: by === 'header' ? name.toLowerCase() : name,
        value,
        version,
      })),
    },
  };
}

function checkShares(shares: unknown, problems: Problems): void {
  if (!Array.isArray(shares) || !shares.length || shares.length > TRAFFIC_LIMITS.versions) {
    problems.add('/shares', `must be a list of 1 to ${TRAFFIC_LIMITS.versions} objects {version, weight}`);
    return;
  }
  const seen = new Set<unknown>();
  shares.forEach((share: unknown, index) => {
    const at = `/shares(${index})`;
    if (!isObject(share)) return problems.add(at, 'must be an object {version, weight}');
    checkMembers(share, ['version', 'weight'], at, problems);
    const { version, weight } = share;
    if (typeof version !== 'string' || version === '')
      problems.add(`${at}/version`, 'must be a version of the app, or current or previous');
    else if (seen.has(version)) problems.add(`${at}/version`, `is named twice: ${piece(version)}`);
    seen.add(version);
    if (!isWhole(weight))
      problems.add(`${at}/weight`, `must be a whole number from 0 to ${TRAFFIC_LIMITS.weight}`);
  });
  if (!problems.any && shares.every((share: { weight: number }) => share.weight === 0))
    problems.add('/shares', 'the weights add up to 0: give at least one version more, or DELETE the shares');
}

function checkPins(pins: unknown, problems: Problems): void {
  if (pins === undefined) return;
  if (!Array.isArray(pins) || pins.length > TRAFFIC_LIMITS.pins) {
    problems.add(
      '/pins',
      `must be a list of at most ${TRAFFIC_LIMITS.pins} objects {by, name, value, version}`,
    );
    return;
  }
  pins.forEach((pin: unknown, index) => {
    const at = `/pins(${index})`;
    if (!isObject(pin)) return problems.add(at, 'must be an object {by, name, value, version}');
    checkMembers(pin, ['by', 'name', 'value', 'version'], at, problems);
    checkPin(pin, at, problems);
  });
}

function checkPin(
  { by, name, value, version }: Readonly<Record<string, unknown>>,
  at: string,
  problems: Problems,
): void {
  const { pinName, pinValue } = TRAFFIC_LIMITS;
  if (typeof version !== 'string' || version === '')
    problems.add(`${at}/version`, 'must be a version of the app, or current or previous');
  if (by !== 'header' && by !== 'cookie') problems.add(`${at}/by`, 'must be header or cookie');
  if (typeof name !== 'string' || name.length > pinName || !TOKEN.test(name))
    problems.add(`${at}/name`, `must be the name of a header or cookie, 1 to ${pinName} characters`);
  if (typeof value !== 'string' || value.length > pinValue || !VALUE.test(value))
    problems.add(`${at}/value`, `must be 1 to ${pinValue} printable ASCII characters without , and ;`);
}

function checkMembers(
  object: Readonly<Record<string, unknown>>,
  known: readonly string[],
  at: string,
  problems: Problems,
): void {
  for (const name of Object.keys(object))
    if (!known.includes(name)) problems.add(`${at}/${name}`, `is not known; there are ${known.join(', ')}`);
}

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Neither a list of values nor another cookie can be meant. */
const VALUE =
  /^[\x21-\x2b\x2d-\x3a\x3c-\x7e](?:[\x20-\x2b\x2d-\x3a\x3c-\x7e]*[\x21-\x2b\x2d-\x3a\x3c-\x7e])?$/;

const isWhole = (weight: unknown): boolean =>
  Number.isInteger(weight) && (weight as number) >= 0 && (weight as number) <= TRAFFIC_LIMITS.weight;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
