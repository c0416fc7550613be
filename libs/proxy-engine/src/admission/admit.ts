// One decision per request, before a target is chosen: which service, or which answer of our own; what is edited on the way; what the
// choice of a target must go by. Every HTTP path calls it once with the facts of the request and carries out what it says.
import type { HeaderEdit, RouteService } from '#libs/routing';
import type { TargetWish } from '../targets/wish.js';
import { findService, type FindOptions } from './find-route.js';
import type { RequestFacts } from './request-facts.js';
import { readSticky } from './sticky-cookie.js';

/** An answer that no task gave. Its body is JSON `{message}` unless there is a `location`. */
export interface OwnAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** Empty where `headers` say all (a redirect). */
  readonly message: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface AdmittedRequest {
  readonly kind: 'admitted';
  readonly service: RouteService;
  /** Path and query for the task. */
  readonly url: string;
  /** What was cut off the path; goes to the task as X-Forwarded-Prefix. */
  readonly prefix?: string;
  readonly wish: Omit<TargetWish, 'tried'>;
  /** Of the head for the target, after the proxy's own X-Forwarded-*. */
  readonly requestEdits: readonly HeaderEdit[];
  /** Of the head of the answer, after everything else. */
  readonly responseEdits: readonly HeaderEdit[];
  /** Only the full path can do what this request needs: compress, count a body of unknown length, rewrite a Location. */
  readonly needs?: 'full';
  /** A body of unknown length may have at most this many bytes (a BodyMeter counts them); beyond: 413. */
  readonly bodyLimit?: number;
  /** The client takes this encoding and the service wants it: `compressorFor` decides by the head of the answer. */
  readonly compress?: 'br' | 'gzip';
  /** `rewriteLocation` says what becomes of Location and Content-Location. */
  readonly locationPrefix?: string;
}
export type Verdict = AdmittedRequest | OwnAnswer;

const NO_EDITS: readonly HeaderEdit[] = [];
const NO_WISH = {};

export function admit(facts: RequestFacts, options: FindOptions): Verdict {
  const found = findService(facts, options);
  if (found.kind === 'redirect') return redirectTo(found.location, facts.method);
  if (found.kind === 'refused')
    return { kind: 'answer', status: found.status, message: found.message, headers: [] };
  const { service, url, prefix } = found;
  const sticky = service.sticky ? readSticky(service, facts.header('cookie')) : undefined;
  return {
    kind: 'admitted',
    service,
    url,
    ...(prefix === undefined ? {} : { prefix }),
    wish: sticky === undefined ? NO_WISH : { sticky },
    requestEdits: NO_EDITS,
    responseEdits: NO_EDITS,
  };
}

/** 308 keeps method and body, 301 is what old clients understand. */
export function redirectTo(location: string, method: string): OwnAnswer {
  const status = method === 'GET' || method === 'HEAD' ? 301 : 308;
  return { kind: 'answer', status, message: '', headers: [['location', location]] };
}
