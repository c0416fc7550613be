// What each connected agent should run, derived from the working set: the full set at the start of a session, numbered changes
// afterwards (decisions.md 20). Nothing is remembered but what was sent and confirmed, so a lost frame costs a reconnect and never truth.
import { MAX_FRAME_BYTES, type Assignments } from '#libs/agent-protocol';
import { assignmentOf } from '#libs/lifecycle';
import { type AgentId, type Assignment, type Instance, type InstanceId } from '#libs/model';
import { defaultRoleOf } from './commands/group-state.js';
import type { Committed } from './lane.js';
import type { WorkingSet } from './working-set.js';

export type SendFrame = (frame: Assignments) => void;

/** Room for the frame around its items. */
const FRAME_BYTES = MAX_FRAME_BYTES - 64 * 1024;

interface Session {
  readonly send: SendFrame;
  readonly sent: Map<InstanceId, string>;
  number: number;
  /** All frames up to this one are on the agent's disk. */
  confirmed: number;
  /** The last frame of the newest whole set. */
  wholeAt: number;
  /** Taken back by a frame that is not confirmed yet: the number of that frame. */
  readonly unconfirmed: Map<InstanceId, number>;
}

export class AssignmentFeed {
  readonly #sessions = new Map<AgentId, Session>();

  /** Sends the whole set, then every change, until `detach`. Only with a loaded working set: an empty one would be a lie. */
  attach(agent: AgentId, workingSet: WorkingSet, send: SendFrame): void {
    const session: Session = {
      ...{ send, sent: new Map(), unconfirmed: new Map() },
      ...{ number: 0, confirmed: 0, wholeAt: 0 },
    };
    this.#sessions.set(agent, session);
    this.#sendAll(agent, session, workingSet);
  }

  /** `send` names the session, for a newer one of the same agent may have taken its place. */
  detach(agent: AgentId, send: SendFrame): void {
    if (this.#sessions.get(agent)?.send === send) this.#sessions.delete(agent);
  }

  /**
   * The agent has all frames up to this number on its disk, and every status that it sent before it said so is stored. `send` names the
   * session, as in `detach`.
   */
  confirmed(agent: AgentId, send: SendFrame, number: number): void {
    const session = this.#sessions.get(agent);
    if (session?.send !== send) return;
    // no agent can have what was not sent
    session.confirmed = Math.max(session.confirmed, Math.min(number, session.number));
    for (const [id, at] of session.unconfirmed) {
      if (at <= session.confirmed) session.unconfirmed.delete(id);
    }
  }

  /**
   * See ClusterSnapshot. What an earlier session confirmed is not remembered: the whole set of the next one says it again. `sent` lags
   * behind the rows within a commit only, and then keeps what was to go.
   */
  hasLetGo(agent: AgentId, id: InstanceId): boolean {
    const session = this.#sessions.get(agent);
    if (!session || session.confirmed < session.wholeAt) return false;
    return !session.sent.has(id) && !session.unconfirmed.has(id);
  }

  /** After everything was loaded anew: each agent gets its whole set again. */
  reload(workingSet: WorkingSet): void {
    for (const [agent, session] of this.#sessions) this.#sendAll(agent, session, workingSet);
  }

  committed({ touched, workingSet }: Committed): void {
    const changed = new Map<AgentId, Set<InstanceId>>();
    const note = (agent: AgentId | undefined, id: InstanceId): void => {
      if (!agent || !this.#sessions.has(agent)) return;
      const ids = changed.get(agent);
      if (ids) ids.add(id);
      else changed.set(agent, new Set([id]));
    };
    for (const { before, after } of touched.instances) {
      if (before && after && isReportOnly(before, after)) continue;
      for (const row of [before, after]) if (row) note(row.agentId, row.id);
    }
    for (const [agent, ids] of changed) this.#sendChanges(agent, ids, workingSet);
  }

  #sendAll(agent: AgentId, session: Session, workingSet: WorkingSet): void {
    session.sent.clear();
    session.unconfirmed.clear();
    const items = workingSet.instancesOn(agent).flatMap((each) => {
      const assignment = assignmentFor(each, agent, workingSet);
      if (assignment) session.sent.set(each.id, keyOf(assignment));
      return assignment ?? [];
    });
    const frames = inFrames(items);
    session.wholeAt = session.number + frames.length;
    frames.forEach((part, at) =>
      this.#send(session, {
        full: true,
        more: at < frames.length - 1,
        items: part,
        removed: [],
      }),
    );
  }

  #sendChanges(agent: AgentId, ids: ReadonlySet<InstanceId>, workingSet: WorkingSet): void {
    const session = this.#sessions.get(agent);
    if (!session) return;
    const items: Assignment[] = [];
    const removed: InstanceId[] = [];
    for (const id of ids) {
      const instance = workingSet.instance(id);
      const assignment = instance ? assignmentFor(instance, agent, workingSet) : null;
      if (assignment) {
        const key = keyOf(assignment);
        if (session.sent.get(id) === key) continue;
        session.sent.set(id, key);
        items.push(assignment);
      } else if (session.sent.delete(id)) removed.push(id);
    }
    if (!items.length && !removed.length) return;
    // all of them go with the first frame
    for (const id of removed) session.unconfirmed.set(id, session.number + 1);
    inFrames(items).forEach((part, at) =>
      this.#send(session, { full: false, more: false, items: part, removed: at === 0 ? removed : [] }),
    );
  }

  #send(session: Session, frame: Omit<Assignments, 'type' | 'number'>): void {
    session.number += 1;
    session.send({ type: 'assignments', number: session.number, ...frame });
  }
}

function assignmentFor(instance: Instance, agent: AgentId, workingSet: WorkingSet): Assignment | null {
  const info = workingSet.agents.get(agent)?.info;
  if (!info || instance.agentId !== agent) return null;
  const enforceGroupRole = defaultRoleOf(instance.appId, workingSet.groups) !== undefined;
  const place = { hostname: info.hostname, enforceGroupRole };
  return assignmentOf(instance, workingSet.versionOf(instance), workingSet.apps.get(instance.appId), place);
}

/** Nothing but what its agent says of it is new: most commits are of this kind, and an assignment says nothing of that. */
function isReportOnly(before: Instance, after: Instance): boolean {
  const isSame = (member: string): boolean =>
    member === 'status' || before[member as keyof Instance] === after[member as keyof Instance];
  return Object.keys(after).every(isSame) && Object.keys(before).every(isSame);
}

/** What makes an assignment another one; the backoff moves with every crash of a sibling and travels along with the next change. */
function keyOf({ backoff: _moves, ...assignment }: Assignment): string {
  return JSON.stringify(assignment);
}

/** At least one frame, each below the limit; a single assignment is far below it (a body has at most 4 MiB for the whole app). */
function inFrames(items: readonly Assignment[]): Assignment[][] {
  const frames: Assignment[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const size = new TextEncoder().encode(JSON.stringify(item)).length;
    const current = frames.at(-1);
    if (current?.length && bytes + size > FRAME_BYTES) {
      frames.push([item]);
      bytes = size;
    } else {
      current?.push(item);
      bytes += size;
    }
  }
  return frames;
}
