// What a request asks of the choice of its target: the instance of its sticky cookie, the key of a consistent hash, a pinned version.
import type { Balance, RouteService, TrafficShares } from '#libs/routing';
import type { TargetWish } from '../targets/wish.js';
import { clientKeyOf } from './addresses.js';
import type { RequestFacts } from './request-facts.js';

type Wish = Omit<TargetWish, 'tried'>;

const NO_WISH: Wish = {};

/** `url`: as it came, path and query. */
export function wishOf(
  facts: RequestFacts,
  { policy, traffic }: RouteService,
  url: string,
  sticky: string | undefined,
): Wish {
  const hashKey = policy?.balance && hashKeyOf(policy.balance, facts, url);
  const version = traffic?.pins && pinnedVersion(traffic.pins, facts);
  if (sticky === undefined && hashKey === undefined && version === undefined) return NO_WISH;
  return {
    ...(sticky === undefined ? {} : { sticky }),
    ...(hashKey === undefined ? {} : { hashKey }),
    ...(version === undefined ? {} : { version }),
  };
}

function hashKeyOf(balance: Balance, facts: RequestFacts, url: string): string | undefined {
  switch (balance.by) {
    case 'source':
      return clientKeyOf(facts.clientAddress);
    case 'header':
      return notEmpty(facts.header(balance.name));
    case 'cookie':
      return notEmpty(cookieOf(facts, balance.name));
    case 'query':
      return notEmpty(queryOf(url, balance.name));
    case 'uri':
      return url.split('?', 1)[0];
    default:
      return undefined;
  }
}

const notEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function pinnedVersion(pins: NonNullable<TrafficShares['pins']>, facts: RequestFacts): string | undefined {
  return pins.find(
    ({ by, name, value }) =>
      (by === 'header' ? facts.header(name.toLowerCase()) : cookieOf(facts, name)) === value,
  )?.version;
}

/** The first of this name; case counts (RFC 6265 5.4). */
function cookieOf(facts: RequestFacts, name: string): string | undefined {
  const prefix = `${name}=`;
  return facts
    .header('cookie')
    ?.split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(prefix))
    ?.slice(prefix.length);
}

function queryOf(url: string, name: string): string | undefined {
  const queryAt = url.indexOf('?');
  if (queryAt < 0) return undefined;
  return new URLSearchParams(url.slice(queryAt + 1)).get(name) ?? undefined;
}
