// One decision per request, before a target is chosen: which service, or which answer of our own; what is edited on the way; what the
// choice of a target must go by. Every HTTP path calls it once with the facts of the request and carries out what it says.
import type { HeaderEdit, RoutePolicy, RouteService } from '#libs/routing';
import type { TargetWish } from '../targets/wish.js';
import { encodingFor } from './compression.js';
import { corsEdits, corsHeaders } from './cors.js';
import { findService, type FindOptions, type FoundService } from './find-route.js';
import { redirectTo, type OwnAnswer } from './own-answer.js';
import { gatesOfProcess } from './gates.js';
import { isSecure, type RequestFacts } from './request-facts.js';
import { readSticky } from './sticky-cookie.js';
import { targetUrlOf } from './target-url.js';
import { wishOf } from './wish-of.js';

export { redirectTo } from './own-answer.js';
export type { OwnAnswer } from './own-answer.js';

export interface AdmittedRequest {
  readonly kind: 'admitted';
  readonly service: RouteService;
  /** Path and query for the task. */
  readonly url: string;
  /** What the client asked, before anything was cut off or put before: this is what is told of the request (`askedPath`). */
  readonly asked: string;
  /** What was cut off the path; goes to the task as X-Forwarded-Prefix. */
  readonly prefix?: string;
  readonly wish: Omit<TargetWish, 'tried'>;
  /** Of a sticky service: its cookie may only be sent over TLS. */
  readonly secureCookie?: boolean;
  /** Of the head for the target, after the proxy's own X-Forwarded-*. */
  readonly requestEdits: readonly HeaderEdit[];
  /** Of the head of the answer, after everything else. */
  readonly responseEdits: readonly HeaderEdit[];
  /** Stands in whatever the proxy answers itself from here on. */
  readonly ownHeaders?: OwnAnswer['headers'];
  /** A body of unknown length may have at most this many bytes (`limitBody`); beyond: 413. Only the full path counts. */
  readonly bodyLimit?: number;
  /** The client takes this encoding and the service wants it (`answerTransformOf`). Only the full path compresses. */
  readonly compress?: 'br' | 'gzip';
  /** What is put before the path of a Location (`answerTransformOf`). Only the full path does. */
  readonly locationPrefix?: string;
}
export type Verdict = AdmittedRequest | OwnAnswer;

const NO_EDITS: readonly HeaderEdit[] = [];
const NO_WISH = {};

/** Counts against the rate of the service: once for each request. */
export function admit(facts: RequestFacts, options: FindOptions): Verdict {
  const found = findService(facts, options);
  if (found.kind === 'redirect')
    return { ...redirectTo(found.location, facts.method), service: found.service };
  if (found.kind === 'refused')
    return { kind: 'answer', status: found.status, message: found.message, headers: [] };
  const { service } = found;
  if (service.policy) return admitByPolicy(facts, found, service.policy, options);
  return {
    kind: 'admitted',
    service,
    url: found.url,
    asked: facts.url,
    ...(found.prefix === undefined ? {} : { prefix: found.prefix }),
    wish: service.sticky || service.traffic ? wishFor(facts, service, found.url) : NO_WISH,
    ...(service.sticky ? { secureCookie: isSecure(facts) } : {}),
    requestEdits: NO_EDITS,
    responseEdits: NO_EDITS,
  };
}

function admitByPolicy(
  facts: RequestFacts,
  { service, url, prefix }: FoundService,
  policy: RoutePolicy,
  { gates }: FindOptions,
): Verdict {
  const own = (gates ?? gatesOfProcess()).refuse(facts, service, url, prefix !== undefined);
  const hsts = hstsOf(facts, policy);
  if (own) return { ...own, service, ...(hsts ? { headers: [...own.headers, hsts] } : {}) };
  const { limits, locationPrefix } = policy;
  // once: they are for the task's answer and for ours
  const cors = policy.cors ? corsEdits(policy.cors, facts) : NO_EDITS;
  const encoding = policy.compress === true ? encodingFor(facts.header('accept-encoding')) : undefined;
  return {
    kind: 'admitted',
    service,
    ...targetUrlOf(service, url, prefix),
    asked: facts.url,
    wish: wishFor(facts, service, url),
    ...(service.sticky ? { secureCookie: isSecure(facts) } : {}),
    requestEdits: policy.requestHeaders ?? NO_EDITS,
    responseEdits: responseEditsOf(policy, cors, hsts),
    ...(hsts || policy.cors ? { ownHeaders: [...corsHeaders(cors), ...(hsts ? [hsts] : [])] } : {}),
    ...(limits?.bodyBytes !== undefined && facts.bodyBytes === undefined
      ? { bodyLimit: limits.bodyBytes }
      : {}),
    ...(encoding === undefined ? {} : { compress: encoding }),
    ...(locationPrefix === undefined ? {} : { locationPrefix }),
  };
}

function wishFor(facts: RequestFacts, service: RouteService, url: string): Omit<TargetWish, 'tried'> {
  const sticky = service.sticky ? readSticky(service, facts.header('cookie')) : undefined;
  return wishOf(facts, service, url, sticky);
}

function responseEditsOf(
  { responseHeaders: fixed = NO_EDITS }: RoutePolicy,
  cors: readonly HeaderEdit[],
  hsts: HstsHeader | undefined,
): readonly HeaderEdit[] {
  if (!cors.length && !hsts) return fixed;
  return [...cors, ...(hsts ? [{ do: 'set', name: hsts[0], value: hsts[1] } as const] : []), ...fixed];
}

type HstsHeader = readonly [name: string, value: string];

/** A promise about TLS means nothing where it did not come by it (RFC 6797 7.2); where it did, it is in every answer (7.1). */
function hstsOf(facts: RequestFacts, { hsts }: RoutePolicy): HstsHeader | undefined {
  if (!hsts || !isSecure(facts)) return undefined;
  return ['strict-transport-security', hstsText(hsts)];
}

const hstsText = ({ maxAgeSeconds, includeSubDomains, preload }: NonNullable<RoutePolicy['hsts']>): string =>
  `max-age=${maxAgeSeconds}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
