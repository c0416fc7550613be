// Where agents dial in: `GET /v3/agents/session`, upgraded to a WebSocket after the token was checked. What is said on it is
// the business of libs/control-core; here are only sockets.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { MAX_FRAME_BYTES, type LogChunk, type LogRequest } from '#libs/agent-protocol';
import { LongrunError } from '#libs/api-contract';
import { AgentSessions, type ControlCore } from '#libs/control-core';
import type { AgentId } from '#libs/model';
import type { Logger } from '#libs/telemetry';
import { requireRole } from '../http/access.js';
import { tidyUrl } from '../http/url-form.js';
import { serveAgentSocket } from './agent-socket.js';

export const SESSION_PATH = '/v3/agents/session';

export class AgentGateway {
  readonly #server = new WebSocketServer({
    noServer: true,
    // a frame holds at most 1 MiB of items; JSON around them needs a little
    maxPayload: 2 * MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  #core: ControlCore | null = null;
  #sessions: AgentSessions | null = null;

  constructor(private readonly logger: Logger) {}

  /** The core needs a publisher before it exists; this closes the circle. */
  serve(core: ControlCore): void {
    this.#core = core;
    this.#sessions = new AgentSessions({ core, log: this.logger });
  }

  get connected(): number {
    return this.#sessions?.connected ?? 0;
  }

  /** For the HTTP server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [core, sessions] = [this.#core, this.#sessions];
    socket.on('error', (error) => this.logger.warn({ err: error }, 'agent upgrade'));
    if (!core || !sessions || tidyUrl(request.url ?? '').split('?')[0] !== SESSION_PATH)
      return refuse(socket, 404, 'Not Found');
    requireRole(core.store, 'agent', request.headers.authorization).then(
      () =>
        this.#server.handleUpgrade(request, socket, head, (webSocket) =>
          serveAgentSocket(webSocket, sessions, this.logger),
        ),
      (error: unknown) =>
        error instanceof LongrunError
          ? refuse(socket, error.status, 'Unauthorized')
          : refuse(socket, 503, 'Service Unavailable'),
    );
  }

  /** Reads a log through the session of this agent; null while it is not connected. */
  readLog(
    agent: AgentId,
    request: Omit<LogRequest, 'type'>,
    take: (chunk: LogChunk) => void,
  ): (() => void) | null {
    return this.#sessions?.readLog(agent, request, take) ?? null;
  }

  /** Ends the session of this agent, if there is one; an agent that is alive dials again. */
  endSession(agent: AgentId, reason: string): void {
    this.#sessions?.endSession(agent, reason);
  }

  endAll(reason: string): void {
    this.#sessions?.endAll(reason);
  }

  close(): void {
    this.endAll('the control plane stops');
    this.#server.close();
  }
}

function refuse(socket: Duplex, status: number, reason: string): void {
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
