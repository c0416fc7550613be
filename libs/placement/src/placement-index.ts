// The ledger that a working set keeps current: one `note` per row that changed, before and after. What an agent's instances
// take is held per instance and summed on demand of the agent, so nothing drifts (promise 10).
import { heldPorts } from '#libs/model';
import type { AgentId, AppId, AppSpec, Instance, InstanceId } from '#libs/model';
import { NOTHING_USED } from './ledger.js';
import type { PlacementLedger, PortRecord, ResourceAmounts } from './ledger.js';

/** How long a port stays away after the agent found it taken (decisions.md 23). */
export const PORT_SHUN_MS = 600_000;

type Demand = Pick<AppSpec, 'cpus' | 'mem' | 'disk'>;

interface AgentBook {
  readonly placed: Map<InstanceId, { readonly appId: AppId; readonly demand: Demand }>;
  readonly ports: Map<number, PortRecord>;
  /** Of `placed`, made when asked for; null = it changed since. */
  sum: ResourceAmounts | null;
  counts: ReadonlyMap<AppId, number> | null;
}

export class PlacementIndex implements PlacementLedger {
  readonly #books = new Map<AgentId, AgentBook>();

  /** `unknownLeftAt`: the table number found on taking office. */
  constructor(readonly unknownLeftAt: number) {}

  /**
   * A row changed: `before` absent = new, `after` absent = removed. `demand` is the spec of the version that `after` runs.
   * `now`: the control plane's clock, remembered as the ports' last use. `table`: number of the table from this change on.
   */
  note(
    before: Instance | undefined,
    after: Instance | undefined,
    demand: Demand,
    now: number,
    table: number,
  ): void {
    if (before?.placed && before.agentId !== undefined)
      this.#release(before.agentId, before, after, now, table);
    if (after?.placed && after.agentId !== undefined) this.#hold(after.agentId, after, demand, now);
  }

  used(agent: AgentId): ResourceAmounts {
    const book = this.#books.get(agent);
    if (!book) return NOTHING_USED;
    book.sum ??= [...book.placed.values()].reduce(
      (sum, { demand }) => ({
        cpus: sum.cpus + demand.cpus,
        mem: sum.mem + demand.mem,
        disk: sum.disk + demand.disk,
        instances: sum.instances + 1,
      }),
      NOTHING_USED,
    );
    return book.sum;
  }

  ports(agent: AgentId): ReadonlyMap<number, PortRecord> {
    return this.#books.get(agent)?.ports ?? NO_PORTS;
  }

  countOf(agent: AgentId, app: AppId): number {
    const book = this.#books.get(agent);
    if (!book) return 0;
    book.counts ??= countByApp(book);
    return book.counts.get(app) ?? 0;
  }

  /** The same books, kept on their own from here on. */
  copy(): PlacementIndex {
    const copy = new PlacementIndex(this.unknownLeftAt);
    for (const [agent, { placed, ports, sum, counts }] of this.#books) {
      copy.#books.set(agent, { placed: new Map(placed), ports: new Map(ports), sum, counts });
    }
    return copy;
  }

  #book(agent: AgentId): AgentBook {
    let book = this.#books.get(agent);
    if (!book)
      this.#books.set(agent, (book = { placed: new Map(), ports: new Map(), sum: null, counts: null }));
    return book;
  }

  #hold(agent: AgentId, instance: Instance, demand: Demand, now: number): void {
    const book = this.#book(agent);
    book.placed.set(instance.id, { appId: instance.appId, demand });
    book.sum = null;
    book.counts = null;
    for (const port of heldPorts(instance)) {
      const past = book.ports.get(port)?.leftAt ?? this.unknownLeftAt;
      book.ports.set(port, {
        appId: instance.appId,
        heldBy: instance.id,
        lastUsedAt: Math.max(now, instance.placedAt ?? 0),
        // its app may have the port back before all proxies know that an earlier task left; other apps must wait for that all the same
        leftAt: Math.max(past, instance.leftAt),
      });
    }
  }

  #release(agent: AgentId, before: Instance, after: Instance | undefined, now: number, table: number): void {
    const book = this.#book(agent);
    book.placed.delete(before.id);
    book.sum = null;
    book.counts = null;
    const last = after ?? before;
    const reject = last.status?.incarnation === before.incarnation ? last.status.reject : undefined;
    for (const port of heldPorts(before)) {
      const held = book.ports.get(port);
      if (held?.heldBy !== before.id) continue;
      const isTaken = reject?.reason === 'port-taken' && (reject.port ?? port) === port;
      book.ports.set(port, {
        appId: before.appId,
        lastUsedAt: now,
        leftAt: Math.max(held.leftAt, leftTableAt(before, after, table)),
        ...(isTaken ? { shunnedUntil: now + PORT_SHUN_MS } : {}),
      });
    }
  }
}

/**
 * Number of the first table without a task that lets go of its ports; 0: it never was in one. A routed one whose row goes, too, leaves none
 * that could say it: it has crashed and is not wanted any more, in one commit, or is forgotten with its agent.
 */
export function leftTableAt(before: Instance, after: Instance | undefined, table: number): number {
  const now = after ? after.leftAt : before.routing === 'out' ? 0 : table;
  return Math.max(before.leftAt, now);
}

function countByApp({ placed }: AgentBook): ReadonlyMap<AppId, number> {
  const counts = new Map<AppId, number>();
  for (const { appId } of placed.values()) counts.set(appId, (counts.get(appId) ?? 0) + 1);
  return counts;
}

const NO_PORTS: ReadonlyMap<number, PortRecord> = new Map();
