// What only the full path does to an answer: Location headers, compression. Undefined for nearly every request.
import type { Transform } from 'node:stream';
import type { AdmittedRequest } from './admit.js';
import { compressorFor } from './compression.js';
import { rewriteLocation } from './target-url.js';

/** Changes the head in place; the body goes through what it gives back. */
export type AnswerTransform = (answer: { status: number; headers: string[] }) => Transform | undefined;

/** `method`, `host`: of the request. */
export function answerTransformOf(
  { locationPrefix, compress }: AdmittedRequest,
  method: string,
  host: string | undefined,
): AnswerTransform | undefined {
  if (locationPrefix === undefined && compress === undefined) return undefined;
  return ({ status, headers }) => {
    if (locationPrefix !== undefined) rewriteLocations(headers, locationPrefix, host);
    // the head of an answer to HEAD is that of GET, but there is nothing to compress
    return compress === undefined || method === 'HEAD' ? undefined : compressorFor(compress, status, headers);
  };
}

function rewriteLocations(headers: string[], locationPrefix: string, host: string | undefined): void {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase();
    if (name === 'location' || name === 'content-location')
      headers[at + 1] = rewriteLocation(headers[at + 1] ?? '', locationPrefix, host);
  }
}
