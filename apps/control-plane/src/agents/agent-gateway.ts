// Where agents dial in: `GET /v3/agents/session`, upgraded to a WebSocket after the token was checked. One session per agent.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { MAX_FRAME_BYTES, type LogChunk, type LogRequest } from '#libs/agent-protocol';
import { LongrunError } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import type { AgentId } from '#libs/model';
import type { Logger } from '#libs/telemetry';
import { requireRole } from '../http/access.js';
import { tidyUrl } from '../http/url-form.js';
import { AgentSession } from './agent-session.js';

export const SESSION_PATH = '/v3/agents/session';

export class AgentGateway {
  readonly #server = new WebSocketServer({
    noServer: true,
    // a frame holds at most 1 MiB of items; JSON around them needs a little
    maxPayload: 2 * MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  readonly #sessions = new Map<AgentId, AgentSession>();
  readonly #all = new Set<AgentSession>();
  #core: ControlCore | null = null;

  constructor(private readonly logger: Logger) {}

  /** The core needs a publisher before it exists; this closes the circle. */
  serve(core: ControlCore): void {
    this.#core = core;
  }

  get connected(): number {
    return this.#sessions.size;
  }

  /** For the HTTP server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const core = this.#core;
    socket.on('error', (error) => this.logger.warn({ err: error }, 'agent upgrade'));
    if (!core || tidyUrl(request.url ?? '').split('?')[0] !== SESSION_PATH)
      return refuse(socket, 404, 'Not Found');
    requireRole(core.store, 'agent', request.headers.authorization).then(
      () => this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#open(core, webSocket)),
      (error: unknown) =>
        error instanceof LongrunError
          ? refuse(socket, error.status, 'Unauthorized')
          : refuse(socket, 503, 'Service Unavailable'),
    );
  }

  /** The session that can read logs on this agent; null while it is not connected. */
  readLog(
    agent: AgentId,
    request: Omit<LogRequest, 'type'>,
    take: (chunk: LogChunk) => void,
  ): (() => void) | null {
    return this.#sessions.get(agent)?.readLog(request, take) ?? null;
  }

  /** Ends the session of this agent, if there is one; an agent that is alive dials again. */
  endSession(agent: AgentId, reason: string): void {
    this.#sessions.get(agent)?.end(reason);
  }

  endAll(reason: string): void {
    for (const session of this.#all) session.end(reason);
  }

  close(): void {
    this.endAll('the control plane stops');
    this.#server.close();
  }

  #open(core: ControlCore, webSocket: ConstructorParameters<typeof AgentSession>[0]): void {
    const session = new AgentSession(webSocket, {
      core,
      logger: this.logger,
      welcomed: (each) => {
        if (!each.agent) return;
        this.#sessions.get(each.agent)?.end('another session of this agent began');
        this.#sessions.set(each.agent, each);
      },
      closed: (each) => {
        this.#all.delete(each);
        if (each.agent && this.#sessions.get(each.agent) === each) this.#sessions.delete(each.agent);
      },
    });
    this.#all.add(session);
  }
}

function refuse(socket: Duplex, status: number, reason: string): void {
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
