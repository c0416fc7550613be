// What stands between a request and the targets of its service, by the service's labels: who may ask, how often, with which password,
// how much. Rules come with the table; what is counted and remembered here outlives tables.
import {
  ASKS_FOR_PASSWORD,
  NOT_FROM_THIS_ADDRESS,
  tooLong,
  type RoutePolicy,
  type RouteService,
} from '#libs/routing';
import { SystemClock, type Clock } from '#libs/time';
import { clientKeyOf, mayAsk } from './addresses.js';
import { PasswordBook } from './basic-auth.js';
import { answerPreflight, corsEdits, corsHeaders } from './cors.js';
import { redirectTo, type OwnAnswer } from './own-answer.js';
import { RateLimiter } from './rate-limiter.js';
import type { RequestFacts } from './request-facts.js';
import { rootRedirectOf } from './target-url.js';

/** One for a process; each worker counts for itself. */
export class Gates {
  readonly #limiter: RateLimiter;
  readonly #passwords: PasswordBook;
  readonly #keys = new WeakMap<NonNullable<RoutePolicy['auth']>, Buffer>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#limiter = new RateLimiter(clock);
    this.#passwords = new PasswordBook(this.#limiter);
  }

  /** Undefined: it may pass. `byId`: it came under /_app/, where the root of the app is not the root of the host. */
  refuse(facts: RequestFacts, service: RouteService, url: string, byId: boolean): OwnAnswer | undefined {
    const { policy } = service;
    if (!policy) return undefined;
    if (!mayAsk(service, facts.clientAddress)) return NOT_ALLOWED;
    const own =
      this.#limitRate(facts, service) ??
      (policy.cors && answerPreflight(policy.cors, facts)) ??
      this.#authenticate(facts, policy) ??
      limitLength(facts, policy) ??
      redirectRoot(facts, policy, url, byId);
    return own && policy.cors ? withCors(own, policy.cors, facts) : own;
  }

  #limitRate(facts: RequestFacts, service: RouteService): OwnAnswer | undefined {
    const rate = service.policy?.limits?.rate;
    if (!rate) return undefined;
    const whose = rate.per === 'service' ? '' : clientKeyOf(facts.clientAddress);
    const wait = this.#limiter.take(`${service.portIndex} ${service.appId} ${whose}`, rate);
    return wait === 0 ? undefined : tryLater(wait, `app ${service.appId} takes no more requests at once`);
  }

  #authenticate(facts: RequestFacts, { auth }: RoutePolicy): OwnAnswer | undefined {
    if (!auth) return undefined;
    let key = this.#keys.get(auth);
    if (!key) this.#keys.set(auth, (key = this.#passwords.keyOf(auth)));
    const client = clientKeyOf(facts.clientAddress);
    const verdict = this.#passwords.check(auth, key, facts.header('authorization'), client);
    if (verdict.kind === 'in') return undefined;
    if (verdict.kind === 'later') return tryLater(verdict.retryAfterS, 'too many passwords were tried');
    return {
      kind: 'answer',
      status: 401,
      message: ASKS_FOR_PASSWORD,
      headers: [['www-authenticate', `Basic realm="${auth.realm}", charset="UTF-8"`]],
    };
  }
}

let ofProcess: Gates | undefined;
/** For whoever was given none. */
export const gatesOfProcess = (): Gates => (ofProcess ??= new Gates(new SystemClock()));

const NOT_ALLOWED: OwnAnswer = {
  kind: 'answer',
  status: 403,
  message: NOT_FROM_THIS_ADDRESS,
  headers: [],
};

const tryLater = (seconds: number, why: string): OwnAnswer => ({
  kind: 'answer',
  status: 429,
  message: `${why}; try again in ${seconds} s`,
  headers: [['retry-after', String(seconds)]],
});

function limitLength({ bodyBytes }: RequestFacts, { limits }: RoutePolicy): OwnAnswer | undefined {
  const limit = limits?.bodyBytes;
  if (limit === undefined || bodyBytes === undefined || bodyBytes <= limit) return undefined;
  return { kind: 'answer', status: 413, message: tooLong(limit), headers: [] };
}

function redirectRoot(
  { method }: RequestFacts,
  policy: RoutePolicy,
  url: string,
  byId: boolean,
): OwnAnswer | undefined {
  const location = byId ? undefined : rootRedirectOf(policy, url);
  return location === undefined ? undefined : redirectTo(location, method);
}

/** A page must be able to read why it was refused. A preflight's answer has them already. */
function withCors(own: OwnAnswer, cors: NonNullable<RoutePolicy['cors']>, facts: RequestFacts): OwnAnswer {
  if (own.headers.some(([name]) => name === 'vary')) return own;
  return { ...own, headers: [...own.headers, ...corsHeaders(corsEdits(cors, facts))] };
}
