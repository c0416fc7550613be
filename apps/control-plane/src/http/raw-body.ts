// Collects a body as bytes. What is above the limit is read to its end and thrown away, because a client that is still sending would
// otherwise lose the 413 in a broken connection; only what is absurdly long is cut off.
import type { IncomingMessage } from 'node:http';
import { failures } from '#libs/api-contract';
import { BODY_BYTES_MAX } from './json-body.js';

/** A client that sends more than this is not waiting for an answer. */
const READ_BYTES_MAX = 64 * 1024 * 1024;

export function collectBody(
  stream: IncomingMessage,
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > READ_BYTES_MAX) stream.destroy();
  });
  stream.once('end', () => {
    if (bytes > BODY_BYTES_MAX) done(failures.payloadTooLarge());
    else done(null, Buffer.concat(chunks));
  });
  stream.once('error', (error) => done(error));
}
