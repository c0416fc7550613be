// The last words of a task on stderr (with a terminal: of all it wrote), for the message of a failed exit.
import type { EngineClient } from './engine-client.js';
import { logEntries } from './log-frames.js';

const LINES = 10;
const BYTES = 2_000;

/** Empty when the Engine cannot read this container's log (a log driver without reading): the exit matters more. */
export async function logTail(client: EngineClient, container: string, tty: boolean): Promise<string> {
  try {
    const answer = await client.logs(container, { stream: tty ? 'stdout' : 'stderr', tail: LINES });
    const parts: Buffer[] = [];
    for await (const { bytes } of logEntries(answer, tty)) parts.push(bytes);
    return Buffer.concat(parts).subarray(-BYTES).toString('utf8').trimEnd();
  } catch {
    return '';
  }
}
