// Keeps connections to tasks open between requests, but never longer than the task does: a connection that the backend closes
// just as a request goes out is the classic lost request. Idle ones live at most 4 s (Node's own servers close at 5 s), or one
// second less than the backend's `Keep-Alive: timeout=` says (decisions.md 13).
import { Agent, type ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';

export const IDLE_MS_MAX = 4_000;
const HINT_MARGIN_MS = 1_000;
/** Per target; more would only be a burst's leftover. */
const FREE_SOCKETS_MAX = 256;

/** How long a connection may idle after an answer with this Keep-Alive header; 0 = do not keep it. */
export function idleMsFor(keepAlive: string | undefined): number {
  const seconds = /(?:^|,)\s*timeout\s*=\s*(\d+)/i.exec(keepAlive ?? '')?.[1];
  if (seconds === undefined) return IDLE_MS_MAX;
  return Math.max(0, Math.min(IDLE_MS_MAX, Number(seconds) * 1000 - HINT_MARGIN_MS));
}

interface LastMessage {
  readonly _httpMessage?: { readonly res?: { readonly headers: { readonly 'keep-alive'?: string } } };
}

export class UpstreamAgent extends Agent {
  constructor() {
    super({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: FREE_SOCKETS_MAX, scheduling: 'lifo' });
  }

  /**
   * Node asks this when an answer is complete and drops the connection on false. Its own reading of the hint counts only below
   * the agent's timeout and leaves another margin.
   */
  override keepSocketAlive(stream: Duplex): boolean {
    super.keepSocketAlive(stream);
    if (!(stream instanceof Socket)) return false;
    const answer = (stream as Socket & LastMessage)._httpMessage?.res;
    const idleMs = idleMsFor(answer?.headers['keep-alive']);
    // a free socket whose timeout passes is destroyed by the agent
    if (idleMs > 0) stream.setTimeout(idleMs);
    return idleMs > 0;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    super.reuseSocket(stream, request);
    if (stream instanceof Socket) stream.setTimeout(0);
  }
}
