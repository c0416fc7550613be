// Talks to HAProxy's command line over its Unix socket: one connection per batch, the answer is all it says until it closes.
import { connect } from 'node:net';

const TIMEOUT_MS = 5_000;
const ANSWER_MAX = 64 * 1024 * 1024;

/** Resolves with the answer; rejects when HAProxy does not answer in time. `text` may hold several commands, divided by `;`. */
export function ask(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const parts: Buffer[] = [];
    let bytes = 0;
    socket.setTimeout(TIMEOUT_MS, () =>
      socket.destroy(new Error('HAProxy did not answer its command line in time')),
    );
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER_MAX) socket.destroy(new Error('HAProxy said more than can be read'));
    });
    socket.once('close', (hadError) => {
      if (!hadError) resolve(Buffer.concat(parts).toString('utf8'));
    });
    // ends our side: HAProxy closes when it has answered all
    socket.end(`${text}\n`);
  });
}

/** HAProxy reads a line of commands into one of its buffers. */
const BATCH_BYTES = 8_192;

/** Commands, as many in a connection as HAProxy takes; their order stays. */
export function batchesOf(commands: readonly string[]): string[][] {
  const batches: string[][] = [];
  let room = 0;
  for (const command of commands) {
    const bytes = Buffer.byteLength(command) + WORKER_PREFIX_BYTES;
    const last = batches.at(-1);
    if (last && bytes <= room) last.push(command);
    else {
      batches.push([command]);
      room = BATCH_BYTES;
    }
    room -= bytes;
  }
  return batches;
}

/** `@!4194304 ` before each, and a `;` behind. */
const WORKER_PREFIX_BYTES = 12;
