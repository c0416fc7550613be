// Who may ask: allow lists and passwords. Whatever of these cannot be read keeps people out instead of letting them in, also a text that
// is empty, as a variable of a template may leave it; in marathon-lb's own labels that is none, as there.
import type { BasicAuth } from '../route-policy.js';
import type { LabelText, LabelTexts } from './label-texts.js';
import { parseNetwork } from './network.js';
import { itemsOf, shown } from './values.js';

type User = BasicAuth['users'][number];

const NETWORKS_MAX = 1_000;
const USERS_MAX = 1_000;
/** More would hold the proxy up for longer than a tenth of a second per password. */
const ROUNDS_MAX = 50_000;

/** Undefined: everybody. An empty list: nobody. */
export function readAllow(texts: LabelTexts): readonly string[] | undefined {
  const own = texts.own('allow');
  if (own?.text === '') {
    texts.warn(
      `${own.label} is empty, so nobody is let in; to let everybody in leave the label away, or write 0.0.0.0/0 ::/0`,
    );
    return [];
  }
  const found = own ?? texts.haproxy('BACKEND_NETWORK_ALLOWED_ACL');
  if (!found || found.text === '') return undefined;
  const networks: string[] = [];
  for (const each of itemsOf(found.text)) {
    if (networks.length >= NETWORKS_MAX) {
      texts.warn(`${found.label}: only the first ${NETWORKS_MAX} networks are used`);
      break;
    }
    if (parseNetwork(each)) networks.push(each);
    else
      texts.warn(
        `${found.label}: ${shown(each)} lets nobody in: it must be an address or a network such as 10.1.0.0/16 or 2001:db8::/32`,
      );
  }
  if (networks.length === 0)
    texts.warn(`${found.label} names no network that can be used, so nobody is let in`);
  return networks;
}

/** Undefined: nobody is asked for a password. Without users: nobody is let in. */
export function readAuth(texts: LabelTexts, defaultRealm: string): BasicAuth | undefined {
  const users = texts.own('auth-users');
  if (users) return readOwnAuth(texts, users, defaultRealm);
  const combined = texts.haproxy('AUTH');
  if (combined && combined.text !== '') return readHaproxyAuth(texts, combined);
  if (texts.own('auth-realm'))
    texts.warn('longrun.io/auth-realm has no effect without longrun.io/auth-users');
  return undefined;
}

/** `NAME:SECRET` each. */
function readOwnAuth(texts: LabelTexts, found: LabelText, defaultRealm: string): BasicAuth {
  const users: User[] = [];
  for (const each of itemsOf(found.text).slice(0, USERS_MAX)) {
    const at = each.indexOf(':');
    const user =
      at > 0
        ? readUser(texts, found.label, { name: each.slice(0, at), secret: each.slice(at + 1) })
        : undefined;
    if (at <= 0)
      texts.warn(
        `${found.label}: an entry is not used: it must be NAME:HASH, with commas or blanks between entries`,
      );
    if (user) users.push(user);
  }
  if (found.text === '')
    texts.warn(`${found.label} is empty, so nobody is let in; to ask for no password leave the label away`);
  else if (users.length === 0) texts.warn(`${found.label} names nobody who can be let in, so nobody is`);
  return { realm: realmOf(texts.own('auth-realm')?.text ?? defaultRealm), users };
}

/** `REALM:NAME:HASH`. */
function readHaproxyAuth(texts: LabelTexts, found: LabelText): BasicAuth {
  const [realm = '', name = '', ...rest] = found.text.split(':');
  const secret = rest.join(':');
  if (name === '' || secret === '') {
    texts.warn(`${found.label} lets nobody in: it must be REALM:NAME:HASH`);
    return { realm: realmOf(realm), users: [] };
  }
  // in HAProxy 13 such characters are a DES hash; taken for a password, the hash in the definition would be the key to the door
  if (/^[./0-9A-Za-z]{13}$/.test(secret)) {
    texts.warn(`${found.label} lets nobody in: DES hashes are not read; use one of openssl passwd -6`);
    return { realm: realmOf(realm), users: [] };
  }
  const user = readUser(texts, found.label, { name, secret });
  return { realm: realmOf(realm), users: user ? [user] : [] };
}

function readUser(
  texts: LabelTexts,
  label: string,
  { name, secret }: { name: string; secret: string },
): User | undefined {
  if (secret === '') {
    texts.warn(`${label}: ${shown(name)} is not let in: there is no password`);
    return undefined;
  }
  if (!secret.startsWith('$')) {
    texts.warn(
      `${label}: the password of ${shown(name)} is in the definition for everyone to read; put its hash there (openssl passwd -6)`,
    );
    return { name, secret, hashed: false };
  }
  if (isHash(secret)) return { name, secret, hashed: true };
  texts.warn(
    `${label}: ${shown(name)} is not let in: the hash must be of a kind that begins with $1$, $apr1$, $5$ or $6$, with at most ${ROUNDS_MAX} rounds; openssl passwd -6 makes one`,
  );
  return undefined;
}

function isHash(secret: string): boolean {
  if (/^\$(?:1|apr1)\$[^$:]{0,64}\$[./0-9A-Za-z]{22}$/.test(secret)) return true;
  const [, rounds, hash = ''] =
    /^\$[56]\$(?:rounds=(\d{1,9})\$)?[^$:]{0,64}\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/.exec(secret) ?? [];
  if (hash === '' || (secret[1] === '5') !== (hash.length === 43)) return false;
  return rounds === undefined || Number(rounds) <= ROUNDS_MAX;
}

/** It stands in a quoted string of a header. */
const realmOf = (text: string): string => text.replace(/[^\x20-\x7e]|["\\]/g, '').slice(0, 128);
