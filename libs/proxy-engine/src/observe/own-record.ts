// What observers are told of a request that the proxy answered itself, before any target was chosen: the same from each path.
import type { OwnAnswer } from '../admission/own-answer.js';
import { askedPath, type RequestFacts } from '../admission/request-facts.js';
import { bodyBytesOf } from '../answers.js';
import { isUsableRequestId, makeRequestId } from '../fast/request-id.js';
import type { Origin } from '../fronts/origin.js';
import { nobodyWatches, type Observer } from './observer.js';

export interface OwnAnswered {
  readonly own: OwnAnswer;
  readonly origin: Origin;
  /** Of `performance`, when the first byte of the request came, or as soon after it as is known. */
  readonly startedAt: number;
  /** Absent: the head could not be read, so nothing that it says is told either. */
  readonly facts?: RequestFacts;
}

/** At most once per request, when the answer was handed over. */
export function tellOwn(observer: Observer, { own, origin, startedAt, facts }: OwnAnswered): void {
  if (observer === nobodyWatches) return;
  const given = facts?.header('x-request-id');
  observer.ended({
    path: 'own',
    service: own.service,
    target: undefined,
    method: facts?.method ?? '',
    host: facts?.host,
    urlPath: facts ? askedPath(facts.url) : '',
    clientAddress: origin.clientAddress,
    requestId: given !== undefined && isUsableRequestId(given) ? given : makeRequestId(),
    status: own.status,
    durationMs: performance.now() - startedAt,
    retries: 0,
    bytesOut: bodyBytesOf(own, facts?.method),
  });
}
