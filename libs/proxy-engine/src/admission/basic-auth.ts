// HTTP basic authentication (RFC 7617). A hash costs milliseconds by design, so what was computed once is remembered, under a keyed
// digest of what was sent: no password is kept. How often hashes are computed is bounded, for each client and for all together;
// otherwise whoever guesses passwords would hold up everybody's requests.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BasicAuth } from '#libs/routing';
import { verifyCrypt } from './crypt.js';
import type { RateLimiter } from './rate-limiter.js';

export type AuthVerdict =
  | { readonly kind: 'in' }
  | { readonly kind: 'out' }
  /** Too many passwords to compute. */
  | { readonly kind: 'later'; readonly retryAfterS: number };

const IN = { kind: 'in' } as const;
const OUT = { kind: 'out' } as const;
const REMEMBERED_MAX = 4_096;
const CREDENTIALS_MAX = 2_048;
const PER_CLIENT = { perSecond: 1, burst: 10 };
const PER_PROCESS = { perSecond: 10, burst: 50 };

type User = BasicAuth['users'][number];

/** One for a process: what is remembered outlives tables. */
export class PasswordBook {
  readonly #key = randomBytes(32);
  readonly #limiter: RateLimiter;
  /** Right and wrong apart, so that guesses never push out those who belong here. */
  readonly #right = new Set<string>();
  readonly #wrong = new Set<string>();

  constructor(limiter: RateLimiter) {
    this.#limiter = limiter;
  }

  /** What `check` knows these users by. */
  keyOf({ users }: BasicAuth): Buffer {
    return createHmac('sha256', this.#key).update(JSON.stringify(users)).digest();
  }

  /** `key`: of `keyOf`. `authorization`: the header. `client`: whom guesses are counted for. */
  check(auth: BasicAuth, key: Buffer, authorization: string | undefined, client: string): AuthVerdict {
    const [, encoded] = /^basic +([A-Za-z0-9+/_=-]+) *$/i.exec(authorization ?? '') ?? [];
    if (encoded === undefined || encoded.length > CREDENTIALS_MAX) return OUT;
    const name = createHmac('sha256', key).update(encoded).digest('base64');
    if (this.#right.has(name)) return IN;
    if (this.#wrong.has(name)) return OUT;
    const sent = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = sent.indexOf(':');
    if (colon < 0) return OUT;
    const user = userOf(auth, sent.slice(0, colon));
    if (!user) return OUT;
    const retryAfterS = user.hashed ? this.#mayCompute(client) : 0;
    if (retryAfterS > 0) return { kind: 'later', retryAfterS };
    const right = this.#matches(user, sent.slice(colon + 1)) && user.name === sent.slice(0, colon);
    remember(right ? this.#right : this.#wrong, name);
    return right ? IN : OUT;
  }

  #mayCompute(client: string): number {
    return this.#limiter.take(`login ${client}`, PER_CLIENT) || this.#limiter.take('logins', PER_PROCESS);
  }

  #matches({ secret, hashed }: User, password: string): boolean {
    if (hashed) return verifyCrypt(password, secret);
    // digests have one length, so the time tells nothing of the password's
    const digest = (text: string): Buffer => createHmac('sha256', this.#key).update(text).digest();
    return timingSafeEqual(digest(secret), digest(password));
  }
}

/** Of nobody: somebody, so that time does not tell which names there are. */
const userOf = ({ users }: BasicAuth, name: string): User | undefined =>
  users.find((each) => each.name === name) ?? users[0];

function remember(names: Set<string>, name: string): void {
  if (names.size >= REMEMBERED_MAX) {
    const [oldest] = names;
    if (oldest !== undefined) names.delete(oldest);
  }
  names.add(name);
}
