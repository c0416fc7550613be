// The control plane's end of one agent's session: hello, welcome, assignments down, statuses up, heartbeats both ways (decisions.md
// 20). A status is acknowledged after its commit only. Whatever goes wrong ends the session, and the agent dials again with all it has.
import {
  HEARTBEAT_MS,
  PROTOCOL_VERSION,
  SESSION_DEAD_MS,
  type AssignmentsAck,
  type FromAgent,
  type Heartbeat,
  type Hello,
  type LogChunk,
  type LogRequest,
  type Statuses,
  type ToAgent,
} from '#libs/agent-protocol';
import type { AgentId } from '#libs/model';
import type { Timer } from '#libs/time';
import type { SendFrame } from '../assignment-feed.js';
import type { ControlCore } from '../control-core.js';
import type { Log } from '../log.js';
import type { AgentSessions } from './agent-sessions.js';

/** An agent that does not read this much is not worth keeping; it gets the whole set when it dials again. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;
/** More frames with statuses than this wait for their commit: nothing is read from this agent until it is done. */
const UNSTORED_FRAMES_MAX = 64;
/** From the polite end of a session to the cut: an agent that is alive has answered by then. */
const FAREWELL_MS = 1_000;

/** One connection to an agent, made by whoever accepted it; in order, and it loses nothing while it is open. */
export interface AgentLink {
  readonly isOpen: boolean;
  /** Bytes queued and not yet taken by the other side. */
  unsentBytes(): number;
  /** Called only while it is open. */
  send(frame: ToAgent): void;
  /** Nothing more is read until `resume`. */
  pause(): void;
  /** Also called when nothing was paused. */
  resume(): void;
  /** Polite end; the other side is told the reason. Twice is once. */
  close(reason: string): void;
  /** At once. Whoever accepted the link says `linkClosed` after either. */
  cut(): void;
}

export interface AgentSessionParts {
  readonly core: ControlCore;
  readonly log: Log;
  /** Told when the hello was accepted, and when the link is gone. */
  readonly sessions: AgentSessions;
}

export class AgentSession {
  readonly #link: AgentLink;
  readonly #parts: AgentSessionParts;
  readonly #logs = new Map<string, (chunk: LogChunk) => void>();
  readonly #sendAssignments: SendFrame = (frame) => this.#send(frame);
  readonly #ask = (): void => this.#send({ type: 'heartbeat', at: this.#parts.core.clock.now() });
  #agent: AgentId | null = null;
  #greeted = false;
  /** Frames with statuses, in order. */
  #taken = 0;
  #stored = 0;
  /** What came behind frames that are not stored yet, in order. */
  readonly #waiting: { readonly behind: number; readonly act: () => void }[] = [];
  #hasEnded = false;
  #heardAt: number;
  #timer: Timer | null = null;

  constructor(link: AgentLink, parts: AgentSessionParts) {
    this.#link = link;
    this.#parts = parts;
    this.#heardAt = parts.core.clock.now();
    this.#beat();
  }

  /** Null until its hello was accepted. */
  get agent(): AgentId | null {
    return this.#agent;
  }

  /** One frame as read; null: it could not be read. */
  take(frame: FromAgent | null): void {
    this.#heardAt = this.#parts.core.clock.now();
    if (this.#agent) this.#parts.core.agents.heard(this.#agent);
    if (!frame) return this.#fail('a frame could not be read', null);
    this.#take(frame).catch((error: unknown) => this.#fail(`${frame.type} could not be handled`, error));
  }

  /** The link is gone, whoever closed it. */
  linkClosed(): void {
    this.#timer?.cancel();
    if (this.#agent) {
      this.#parts.core.assignments.detach(this.#agent, this.#sendAssignments);
      this.#parts.core.agents.detach(this.#agent, this.#ask);
    }
    for (const [request, take] of this.#logs) {
      take({ type: 'log-chunk', request, text: '', end: true, error: 'the agent is not connected' });
    }
    this.#logs.clear();
    this.#parts.sessions.closed(this);
  }

  /** Ends it; the agent dials again. */
  end(reason: string): void {
    this.#hasEnded = true;
    this.#link.close(reason);
    this.#parts.core.clock.after(FAREWELL_MS, () => this.#link.cut());
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
    if (!this.#link.isOpen) return;
    if (this.#link.unsentBytes() > UNSENT_BYTES_MAX) return this.#link.cut();
    this.#link.send(frame);
  }

  #beat(): void {
    this.#timer = this.#parts.core.clock.after(HEARTBEAT_MS, () => {
      if (this.#parts.core.clock.now() - this.#heardAt > SESSION_DEAD_MS) return this.#link.cut();
      this.#ask();
      this.#beat();
    });
  }

  async #take(frame: FromAgent): Promise<void> {
    if (frame.type === 'hello') return this.#hello(frame);
    if (!this.#agent) return undefined;
    if (frame.type === 'statuses') return this.#store(this.#agent, frame);
    if (frame.type === 'heartbeat') return this.#takeHeartbeat(this.#agent, frame);
    if (frame.type === 'assignments-ack') this.#takeConfirmation(this.#agent, frame);
    if (frame.type === 'agent-update') {
      return this.#parts.core.agents.update(this.#agent, frame.agent, frame.diskLow);
    }
    if (frame.type === 'log-chunk') this.#takeLog(frame);
    return undefined;
  }

  /**
   * It tells of the time at which what it answers was sent, for it may have been on its way for long. One of an older release that does not
   * answer counts from now; after everything else that arrived with it, for there may be a crash right behind it. The first heartbeat of a
   * session comes after all statuses that the agent has; what came before it is known when it is stored.
   */
  #takeHeartbeat(agent: AgentId, { heard = this.#heardAt }: Heartbeat): void {
    const until = Math.min(heard, this.#heardAt);
    this.#parts.core.clock.after(0, () => this.#onceStored(() => this.#parts.core.agents.told(agent, until)));
  }

  /** Counts behind all that the agent said before: it may have started by itself what it lets go of now. */
  #takeConfirmation(agent: AgentId, { number }: AssignmentsAck): void {
    const { assignments } = this.#parts.core;
    this.#onceStored(() => assignments.confirmed(agent, this.#sendAssignments, number));
  }

  async #hello(hello: Hello): Promise<void> {
    const { core, log, sessions } = this.#parts;
    if (this.#greeted) return this.#fail('a second hello', null);
    this.#greeted = true;
    if (!core.leads) {
      const leader = core.leadership.leader;
      const elsewhere =
        leader && leader.holder !== core.leadership.holder ? { leader: `http://${leader.address}` } : {};
      return this.#refuse('this control plane does not lead at the moment', false, elsewhere);
    }
    const answer = await core.agents.hello(hello);
    if (answer.kind === 'refused') {
      log.warn({ agent: hello.agent.id, reason: answer.reason }, 'agent refused');
      return this.#refuse(answer.reason, answer.final);
    }
    if (!this.#link.isOpen) return undefined;
    this.#agent = hello.agent.id;
    sessions.welcomed(this.#agent, this);
    this.#send({
      type: 'welcome',
      protocol: PROTOCOL_VERSION,
      cluster: answer.cluster,
      epoch: answer.epoch,
      at: core.clock.now(),
    });
    core.agents.attach(this.#agent, this.#ask);
    core.assignments.attach(this.#agent, core.state, this.#sendAssignments);
    log.info({ agent: this.#agent, hostname: hello.agent.hostname, run: hello.run }, 'agent connected');
    return undefined;
  }

  #refuse(reason: string, final: boolean, more: { leader?: string } = {}): void {
    this.#send({ type: 'refused', reason, final, ...more });
    this.end('refused');
  }

  async #store(agent: AgentId, { items }: Statuses): Promise<void> {
    this.#taken += 1;
    if (this.#taken - this.#stored >= UNSTORED_FRAMES_MAX) this.#link.pause();
    try {
      await this.#parts.core.statuses.store(agent, items);
      this.#stored += 1;
    } finally {
      this.#link.resume();
    }
    this.#actOnStored();
    const sequence = items.reduce((highest, each) => Math.max(highest, each.sequence), 0);
    this.#send({ type: 'statuses-ack', sequence });
  }

  /** At once when all statuses that came before are stored. */
  #onceStored(act: () => void): void {
    this.#waiting.push({ behind: this.#taken, act });
    this.#actOnStored();
  }

  /** Of a session that ends something may not have been stored: the next one brings it again. */
  #actOnStored(): void {
    for (let next = this.#waiting[0]; next && next.behind <= this.#stored; next = this.#waiting[0]) {
      this.#waiting.shift();
      if (!this.#hasEnded) next.act();
    }
  }

  #takeLog(chunk: LogChunk): void {
    const take = this.#logs.get(chunk.request);
    if (chunk.end) this.#logs.delete(chunk.request);
    take?.(chunk);
  }

  #fail(what: string, error: unknown): void {
    this.#parts.log.warn({ err: error, agent: this.#agent }, `agent session ends: ${what}`);
    this.end(what);
  }
}
