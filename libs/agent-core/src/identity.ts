// Who this agent is and how far it has come: agent id, run number, highest epoch, cluster. Every change is on disk before it counts.
import { asAgentId, type ClusterId } from '#libs/model';
import type { Ids } from '#libs/time';
import type { AgentIdentity, Journal } from './seams.js';

export type WelcomeVerdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly reason: string; readonly final: boolean };

export class Identity {
  readonly #journal: Journal;
  #now: AgentIdentity;

  private constructor(journal: Journal, now: AgentIdentity) {
    this.#journal = journal;
    this.#now = now;
  }

  /** A start of the agent: the run number grows and is on disk before the first report. */
  static async begin(journal: Journal, before: AgentIdentity | null, ids: Ids): Promise<Identity> {
    const now = before
      ? { ...before, run: before.run + 1 }
      : { agentId: asAgentId(ids.uuid()), run: 1, epoch: 0, cluster: null };
    await journal.saveIdentity(now);
    return new Identity(journal, now);
  }

  get current(): AgentIdentity {
    return this.#now;
  }

  /** Fencing (decisions.md 2, 7): a lower epoch is an old leader, another cluster is never obeyed. */
  async welcome(cluster: ClusterId, epoch: number): Promise<WelcomeVerdict> {
    const { cluster: ours, epoch: highest } = this.#now;
    if (ours !== null && ours !== cluster) {
      const reason = `this agent belongs to cluster ${ours}, the control plane to ${cluster}; use another --data-dir, or the control plane of its cluster`;
      return { kind: 'refused', reason, final: true };
    }
    if (epoch < highest) {
      const reason = `the control plane has epoch ${epoch}, but epoch ${highest} was seen already: it is no longer the leader`;
      return { kind: 'refused', reason, final: false };
    }
    if (ours !== cluster || epoch > highest) {
      const next = { ...this.#now, cluster, epoch };
      await this.#journal.saveIdentity(next);
      this.#now = next;
    }
    return { kind: 'accepted' };
  }
}
