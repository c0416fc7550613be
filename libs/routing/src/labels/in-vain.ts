// Labels that can be read and yet change nothing, for another one is missing, rules it out or wins over it. Each becomes a warning: what
// is dropped silently is found when it was needed.
import type { ServicePort } from '#libs/model';
import type { RoutePolicy } from '../route-policy.js';
import type { OwnName } from './label-names.js';
import type { LabelText, LabelTexts } from './label-texts.js';
import type { Place } from './place.js';

/** Longrun's form and marathon-lb's of the same, where that one is not read when Longrun's is there. */
const SAME: readonly (readonly [OwnName, string])[] = [
  ['host', 'VHOST'],
  ['path', 'PATH'],
  ['match-weight', 'BACKEND_WEIGHT'],
  ['mode', 'MODE'],
  ['bind', 'BIND_ADDR'],
  ['enabled', 'ENABLED'],
  ['groups', 'GROUP'],
  ['balance', 'BALANCE'],
  ['sticky', 'STICKY'],
  ['allow', 'BACKEND_NETWORK_ALLOWED_ACL'],
  ['auth-users', 'AUTH'],
  ['redirect-to-https', 'REDIRECT_TO_HTTPS'],
  ['hsts', 'USE_HSTS'],
  ['strip-prefix', 'HTTP_BACKEND_PROXYPASS_PATH'],
  ['location-prefix', 'HTTP_BACKEND_REVPROXY_PATH'],
  ['redirect-root', 'HTTP_BACKEND_REDIR'],
];

/** Labels without which the others have nothing to do. */
const NEEDS: readonly (readonly [needed: OwnName, ...others: OwnName[]])[] = [
  [
    'cors-origins',
    'cors-methods',
    'cors-headers',
    'cors-exposed-headers',
    'cors-credentials',
    'cors-max-age',
  ],
  ['max-connections', 'queue', 'queue-timeout'],
];

/** Where connections are relayed unread. Own name and marathon-lb's. */
const HTTP_ONLY: readonly (readonly [OwnName, string?])[] = [
  ['auth-users', 'AUTH'],
  ['request-headers'],
  ['response-headers'],
  ['cors-origins'],
  ['compress'],
  ['strip-path'],
  ['strip-prefix', 'HTTP_BACKEND_PROXYPASS_PATH'],
  ['location-prefix', 'HTTP_BACKEND_REVPROXY_PATH'],
  ['add-prefix'],
  ['redirect-root', 'HTTP_BACKEND_REDIR'],
  ['hsts', 'USE_HSTS'],
  ['rate-limit'],
  ['body-limit'],
  ['sticky', 'STICKY'],
  ['protocol'],
  ['silence-timeout'],
  ['retry-attempts'],
  ['retry-on'],
  ['retry-budget'],
  ['eject-failures'],
  ['eject-time'],
];
const HTTP_KEYS: ReadonlySet<string> = new Set(['header', 'cookie', 'query', 'uri']);

export interface Served {
  readonly place: Place;
  readonly policy: RoutePolicy | undefined;
  /** The app has no other port for which a label without a number may be meant. */
  readonly alone: boolean;
}

/** `place.mode`: as settled. */
export function warnInVain(texts: LabelTexts, port: ServicePort, served: Served): void {
  warnOverridden(texts, served);
  warnLonely(texts, served);
  warnRetries(texts, served);
  warnWithoutHost(texts, port, served);
  if (served.place.mode === 'tcp') warnTcp(texts, port, served);
}

/** Empty is as good as none, but for those that then let nobody in. */
const isThere = (texts: LabelTexts, name: string): boolean =>
  CLOSED_WHEN_EMPTY.has(name) ? texts.own(name) !== undefined : (texts.own(name)?.text ?? '') !== '';

const CLOSED_WHEN_EMPTY: ReadonlySet<string> = new Set(['allow', 'auth-users']);

function warnOverridden(texts: LabelTexts, { policy }: Served): void {
  for (const [own, theirs] of SAME) {
    const [first, second] = [texts.own(own), texts.haproxy(theirs)];
    const isSaid = first && second && isThere(texts, own) && second.text !== '';
    // one that could not be read has been named, and then the other one may count
    if (!isSaid || first.text === second.text || texts.isRefused(first.label)) continue;
    texts.warn(`${second.label} has no effect: ${first.label} is there, and wins`);
  }
  const accepts = texts.haproxy('BIND_OPTIONS');
  const isDropped = accepts?.text.split(/\s+/).includes('accept-proxy') && !policy?.proxyProtocol?.accept;
  if (accepts && isDropped)
    texts.warn(
      `${accepts.label}: accept-proxy has no effect, for ${texts.own('proxy-protocol')?.label} counts alone: name accept there, too`,
    );
  if (isThere(texts, 'auth-realm') && !isThere(texts, 'auth-users') && policy?.auth)
    texts.warn(
      `${texts.own('auth-realm')?.label} has no effect: the realm is in ${texts.haproxy('AUTH')?.label}`,
    );
}

function warnLonely(texts: LabelTexts, { policy }: Served): void {
  for (const [needed, ...others] of NEEDS) {
    if (needed === 'cors-origins' ? policy?.cors : policy?.limits?.connectionsPerTarget !== undefined)
      continue;
    const given = others.flatMap((each) => (isThere(texts, each) ? [texts.own(each)?.label ?? each] : []));
    if (given.length > 0)
      texts.warn(`${given.join(', ')}: no effect without longrun.io/${needed} that can be used`);
  }
}

function warnRetries(texts: LabelTexts, { policy }: Served): void {
  if (policy?.retries?.attempts === 1) {
    const given = ['retry-on', 'retry-budget'].filter((each) => isThere(texts, each));
    if (given.length > 0)
      texts.warn(
        `${given.map((each) => texts.own(each)?.label).join(', ')}: no effect with ${texts.own('retry-attempts')?.label} 1, which allows no retry`,
      );
  }
  if (policy?.ejection?.failures === 0 && policy.ejection.ms !== undefined)
    texts.warn(
      `${texts.own('eject-time')?.label}: no effect with ${texts.own('eject-failures')?.label} 0, which leaves nobody out`,
    );
}

/** What is done by virtual host, or by a path below one. */
function warnWithoutHost(texts: LabelTexts, port: ServicePort, { place, policy, alone }: Served): void {
  const isMeant = ({ label }: LabelText): boolean =>
    alone || label in port.labels || label.includes(`_${port.index}_`) || label.includes(`/${port.index}/`);
  const remedy = `HAPROXY_${port.index}_VHOST or longrun.io/host`;
  if (place.hosts.length === 0) {
    const weight = texts.own('match-weight') ?? texts.haproxy('BACKEND_WEIGHT');
    const redirect = texts.own('redirect-to-https') ?? texts.haproxy('REDIRECT_TO_HTTPS');
    if (weight && isMeant(weight) && place.matchWeight !== undefined)
      texts.warn(`${weight.label} has no effect without ${remedy}`);
    if (redirect && isMeant(redirect) && place.redirectToHttps)
      texts.warn(`${redirect.label} has no effect without ${remedy}: only what comes by name is redirected`);
  }
  const strip = texts.own('strip-path');
  if (strip && isMeant(strip) && policy?.stripPath && place.path === undefined)
    texts.warn(
      `${strip.label} has no effect without a path (longrun.io/path): there is nothing to cut off; to cut a fixed prefix use longrun.io/strip-prefix`,
    );
}

function warnTcp(texts: LabelTexts, port: ServicePort, { place, policy }: Served): void {
  const isOn = (own: OwnName): boolean =>
    own === 'sticky' ? place.sticky : own === 'protocol' ? policy?.protocol !== undefined : true;
  const given = HTTP_ONLY.flatMap(([own, theirs]) => {
    const found = isThere(texts, own)
      ? texts.own(own)
      : theirs === undefined
        ? undefined
        : texts.haproxy(theirs);
    return found && (found.text !== '' || isThere(texts, own)) && isOn(own) ? [found.label] : [];
  });
  const balance = texts.own('balance') ?? texts.haproxy('BALANCE');
  if (balance && HTTP_KEYS.has(policy?.balance?.by ?? '')) given.push(balance.label);
  if (given.length > 0)
    texts.warn(
      `port ${port.index} is in mode tcp, where its labels for HTTP have no effect on the service port: ${given.join(', ')}`,
    );
}
