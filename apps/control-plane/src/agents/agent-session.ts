// One agent's WebSocket: hello, welcome, assignments down, statuses up, heartbeats both ways (decisions.md 20). A status is
// acknowledged after its commit only. Whatever goes wrong ends the session, and the agent dials again with all it has.
import type { WebSocket } from 'ws';
import {
  HEARTBEAT_MS,
  PROTOCOL_VERSION,
  SESSION_DEAD_MS,
  type FromAgent,
  type Hello,
  type LogChunk,
  type LogRequest,
  type Statuses,
  type ToAgent,
} from '#libs/agent-protocol';
import type { ControlCore, SendFrame } from '#libs/control-core';
import type { AgentId } from '#libs/model';
import type { Logger } from '#libs/telemetry';
import type { Timer } from '#libs/time';
import { readFrame } from './agent-frame.js';

/** An agent that does not read this much is not worth keeping; it gets the whole set when it dials again. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;
/** More frames with statuses than this wait for their commit: nothing is read from this agent until it is done. */
const UNSTORED_FRAMES_MAX = 64;

export interface SessionParts {
  readonly core: ControlCore;
  readonly logger: Logger;
  /** The hello was accepted; an older session of this agent ends. */
  readonly welcomed: (session: AgentSession) => void;
  readonly closed: (session: AgentSession) => void;
}

export class AgentSession {
  readonly #socket: WebSocket;
  readonly #parts: SessionParts;
  readonly #logs = new Map<string, (chunk: LogChunk) => void>();
  readonly #sendAssignments: SendFrame = (frame) => this.#send(frame);
  #agent: AgentId | null = null;
  #greeted = false;
  #unstored = 0;
  #heardAt: number;
  #timer: Timer | null = null;

  constructor(socket: WebSocket, parts: SessionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#heardAt = parts.core.clock.now();
    socket.on('message', (data, isBinary) => this.#read(isBinary ? '' : String(data)));
    socket.on('close', () => this.#closed());
    socket.on('error', (error) =>
      this.#parts.logger.warn({ err: error, agent: this.#agent }, 'agent session'),
    );
    this.#beat();
  }

  get agent(): AgentId | null {
    return this.#agent;
  }

  /** Ends it; the agent dials again. */
  end(reason: string): void {
    this.#socket.close(1012, reason.slice(0, 100));
    this.#parts.core.clock.after(1_000, () => this.#socket.terminate());
  }

  /** Chunks come until one says `end`, also when the session closes. The returned function cancels. */
  readLog(request: Omit<LogRequest, 'type'>, take: (chunk: LogChunk) => void): () => void {
    this.#logs.set(request.request, take);
    this.#send({ type: 'log-request', ...request });
    return () => {
      if (this.#logs.delete(request.request)) this.#send({ type: 'log-cancel', request: request.request });
    };
  }

  #send(frame: ToAgent): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > UNSENT_BYTES_MAX) return this.#socket.terminate();
    this.#socket.send(JSON.stringify(frame));
  }

  #beat(): void {
    this.#timer = this.#parts.core.clock.after(HEARTBEAT_MS, () => {
      if (this.#parts.core.clock.now() - this.#heardAt > SESSION_DEAD_MS) return this.#socket.terminate();
      this.#send({ type: 'heartbeat' });
      this.#beat();
    });
  }

  #read(text: string): void {
    this.#heardAt = this.#parts.core.clock.now();
    if (this.#agent) this.#parts.core.agents.heard(this.#agent);
    const frame = readFrame(text);
    if (!frame) return this.#fail('a frame could not be read', null);
    this.#take(frame).catch((error: unknown) => this.#fail(`${frame.type} could not be handled`, error));
  }

  async #take(frame: FromAgent): Promise<void> {
    if (frame.type === 'hello') return this.#hello(frame);
    if (!this.#agent) return undefined;
    if (frame.type === 'statuses') return this.#store(this.#agent, frame);
    if (frame.type === 'agent-update') {
      return this.#parts.core.agents.update(this.#agent, frame.agent, frame.diskLow);
    }
    if (frame.type === 'log-chunk') this.#takeLog(frame);
    return undefined;
  }

  async #hello(hello: Hello): Promise<void> {
    const { core, logger, welcomed } = this.#parts;
    if (this.#greeted) return this.#fail('a second hello', null);
    this.#greeted = true;
    if (!core.leads) {
      const leader = core.leadership.leader;
      const elsewhere = leader && leader.holder !== core.leadership.holder ? { leader: leader.address } : {};
      return this.#refuse('this control plane does not lead at the moment', false, elsewhere);
    }
    const answer = await core.agents.hello(hello);
    if (answer.kind === 'refused') {
      logger.warn({ agent: hello.agent.id, reason: answer.reason }, 'agent refused');
      return this.#refuse(answer.reason, answer.final);
    }
    if (this.#socket.readyState !== this.#socket.OPEN) return undefined;
    this.#agent = hello.agent.id;
    welcomed(this);
    this.#send({
      type: 'welcome',
      protocol: PROTOCOL_VERSION,
      cluster: answer.cluster,
      epoch: answer.epoch,
    });
    core.assignments.attach(this.#agent, core.state, this.#sendAssignments);
    logger.info({ agent: this.#agent, hostname: hello.agent.hostname, run: hello.run }, 'agent connected');
    return undefined;
  }

  #refuse(reason: string, final: boolean, more: { leader?: string } = {}): void {
    this.#send({ type: 'refused', reason, final, ...more });
    this.end('refused');
  }

  async #store(agent: AgentId, { items }: Statuses): Promise<void> {
    this.#unstored += 1;
    if (this.#unstored >= UNSTORED_FRAMES_MAX) this.#socket.pause();
    try {
      await this.#parts.core.statuses.store(agent, items);
    } finally {
      this.#unstored -= 1;
      this.#socket.resume();
    }
    const sequence = items.reduce((highest, each) => Math.max(highest, each.sequence), 0);
    this.#send({ type: 'statuses-ack', sequence });
  }

  #takeLog(chunk: LogChunk): void {
    const take = this.#logs.get(chunk.request);
    if (chunk.end) this.#logs.delete(chunk.request);
    take?.(chunk);
  }

  #fail(what: string, error: unknown): void {
    this.#parts.logger.warn({ err: error, agent: this.#agent }, `agent session ends: ${what}`);
    this.end(what);
  }

  #closed(): void {
    this.#timer?.cancel();
    if (this.#agent) this.#parts.core.assignments.detach(this.#agent, this.#sendAssignments);
    for (const [request, take] of this.#logs) {
      take({ type: 'log-chunk', request, text: '', end: true, error: 'the agent is not connected' });
    }
    this.#logs.clear();
    this.#parts.closed(this);
  }
}
