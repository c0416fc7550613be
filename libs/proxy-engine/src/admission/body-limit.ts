// Counts a body whose length is not known in advance (chunked, HTTP/2): beyond the service's limit the request ends with 413.
import type { Readable } from 'node:stream';
import { tooLong } from '#libs/routing';
import type { AdmittedRequest } from './admit.js';

/** Calls back at most once. The body is not read by this: counting begins when somebody else reads it. */
export function limitBody(
  { bodyLimit }: AdmittedRequest,
  body: Readable | undefined,
  refuse: (status: number, message: string) => void,
): void {
  if (bodyLimit === undefined || !body) return;
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= bodyLimit) return;
    body.off('data', count);
    refuse(413, tooLong(bodyLimit));
  };
  // a listener for data would start the flow, so it waits until it has begun
  body.once('resume', () => body.on('data', count));
}
