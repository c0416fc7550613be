// The agent's Network: one WebSocket to `GET /v3/agents/session` of a control plane, with its token (decisions.md 20).
import { WebSocket } from 'ws';
import { MAX_FRAME_BYTES } from '#libs/agent-protocol';
import type { Connection, ConnectionEvents, Network } from '#libs/agent-core';

/** One assignment that is larger than a frame should be must not cut off all the others. */
const PAYLOAD_BYTES_MAX = 8 * MAX_FRAME_BYTES;
const HANDSHAKE_MS = 8_000;
/** A close handshake that the other side does not answer is ended after this. */
const CLOSE_MS = 1_000;

export class WebSocketNetwork implements Network {
  readonly #token: string;
  readonly #open = new Set<WebSocket>();
  #idle: (() => void) | null = null;

  constructor(token: string) {
    this.#token = token;
  }

  open(url: string, events: ConnectionEvents, signal: AbortSignal): Promise<Connection> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v3/agents/session`, {
      headers: { authorization: `Bearer ${this.#token}` },
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: PAYLOAD_BYTES_MAX,
      perMessageDeflate: false,
    });
    this.#open.add(socket);
    let reason = 'the control plane closed the connection';
    socket.on('message', (data, isBinary) => {
      if (!isBinary) events.frame(data.toString());
    });
    return new Promise((resolve, reject) => {
      const abort = (): void => socket.terminate();
      signal.addEventListener('abort', abort, { once: true });
      socket.on('error', (error) => (reason = wordsOf(error)));
      socket.on('unexpected-response', (_request, response) => {
        reason =
          `the control plane answered ${response.statusCode ?? 0} ${response.statusMessage ?? ''}`.trim();
        if (response.statusCode === 401 || response.statusCode === 403)
          reason += ': the token is not accepted';
        response.resume();
        socket.terminate();
      });
      socket.on('close', (_code, words) => {
        signal.removeEventListener('abort', abort);
        this.#open.delete(socket);
        if (!this.#open.size) this.#idle?.();
        const why = words.toString() || reason;
        reject(new Error(why));
        events.closed(why);
      });
      socket.on('open', () => {
        // from here on the session closes it in order
        signal.removeEventListener('abort', abort);
        resolve(connectionOf(socket));
      });
      if (signal.aborted) abort();
    });
  }

  /** Resolves when the last connection has said its last. */
  async closed(): Promise<void> {
    if (this.#open.size) await new Promise<void>((resolve) => (this.#idle = resolve));
  }
}

function connectionOf(socket: WebSocket): Connection {
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    },
    bufferedBytes: () => socket.bufferedAmount,
    close: () => {
      socket.close(1000);
      setTimeout(() => socket.terminate(), CLOSE_MS).unref();
    },
  };
}

/** A refused connection to a name with several addresses has its reasons inside. */
function wordsOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length)
    return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ');
  return error.message;
}
