// All agents' sessions of this process: one per agent, for a newer one ends the older; and the way to an agent for whoever knows its
// id only.
import type { LogChunk, LogRequest } from '#libs/agent-protocol';
import type { AgentId } from '#libs/model';
import type { ControlCore } from '../control-core.js';
import type { Log } from '../log.js';
import { AgentSession, type AgentLink } from './agent-session.js';

export interface AgentSessionsParts {
  readonly core: ControlCore;
  readonly log: Log;
}

export class AgentSessions {
  readonly #parts: AgentSessionsParts;
  readonly #ofAgents = new Map<AgentId, AgentSession>();
  /** Also those that have said no hello yet, or were refused. */
  readonly #all = new Set<AgentSession>();

  constructor(parts: AgentSessionsParts) {
    this.#parts = parts;
  }

  /** For a link just accepted; its frames go to `take`, its end to `linkClosed`. */
  open(link: AgentLink): AgentSession {
    const session = new AgentSession(link, { ...this.#parts, sessions: this });
    this.#all.add(session);
    return session;
  }

  /** Agents that were welcomed and are still here. */
  get connected(): number {
    return this.#ofAgents.size;
  }

  /** See AgentSession; null while this agent is not connected. */
  readLog(
    agent: AgentId,
    request: Omit<LogRequest, 'type'>,
    take: (chunk: LogChunk) => void,
  ): (() => void) | null {
    return this.#ofAgents.get(agent)?.readLog(request, take) ?? null;
  }

  /** Ends the session of this agent, if there is one; an agent that is alive dials again. */
  endSession(agent: AgentId, reason: string): void {
    this.#ofAgents.get(agent)?.end(reason);
  }

  endAll(reason: string): void {
    for (const session of this.#all) session.end(reason);
  }

  /** Called by the session: its hello was accepted, so an older one of this agent ends. */
  welcomed(agent: AgentId, session: AgentSession): void {
    this.#ofAgents.get(agent)?.end('another session of this agent began');
    this.#ofAgents.set(agent, session);
  }

  /** Called by the session: its link is gone. */
  closed(session: AgentSession): void {
    this.#all.delete(session);
    if (session.agent && this.#ofAgents.get(session.agent) === session) this.#ofAgents.delete(session.agent);
  }
}
