// The placement ledger of a pass: the snapshot's, with what this pass itself has placed and released so far on top.
import { heldPorts } from '#libs/model';
import type { AgentId, AppId, AppSpec, Instance } from '#libs/model';
import { leftTableAt } from '#libs/placement';
import type { PlacementLedger, PortRecord, ResourceAmounts } from '#libs/placement';

interface AgentChanges {
  cpus: number;
  mem: number;
  disk: number;
  instances: number;
  readonly countByApp: Map<AppId, number>;
  /** A copy of the snapshot's, made on the first change. */
  readonly ports: Map<number, PortRecord>;
}

export class LedgerOverlay implements PlacementLedger {
  readonly #changes = new Map<AgentId, AgentChanges>();

  /** `nextTable`: number of the table that the pass makes, if it changes any routing. */
  constructor(
    private readonly base: PlacementLedger,
    private readonly nextTable: number,
  ) {}

  get unknownLeftAt(): number {
    return this.base.unknownLeftAt;
  }

  used(agent: AgentId): ResourceAmounts {
    const used = this.base.used(agent);
    const change = this.#changes.get(agent);
    if (!change) return used;
    return {
      cpus: used.cpus + change.cpus,
      mem: used.mem + change.mem,
      disk: used.disk + change.disk,
      instances: used.instances + change.instances,
    };
  }

  ports(agent: AgentId): ReadonlyMap<number, PortRecord> {
    return this.#changes.get(agent)?.ports ?? this.base.ports(agent);
  }

  countOf(agent: AgentId, app: AppId): number {
    return this.base.countOf(agent, app) + (this.#changes.get(agent)?.countByApp.get(app) ?? 0);
  }

  /** One row of this pass: `before` as last seen in it, `after` as it is now. */
  note(before: Instance | undefined, after: Instance | undefined, demand: AppSpec, now: number): void {
    if (before?.placed && before.agentId !== undefined) {
      const change = this.#book(before.agentId, before.appId, demand, -1);
      for (const port of heldPorts(before)) {
        const held = change.ports.get(port);
        if (held?.heldBy !== before.id) continue;
        const { heldBy: _, ...free } = held;
        const reject = before.status?.taskId === before.taskId ? before.status?.reject : undefined;
        const isTaken = reject?.reason === 'port-taken' && (reject.port ?? port) === port;
        const leftAt = Math.max(held.leftAt, leftTableAt(before, after, this.nextTable));
        change.ports.set(port, {
          ...free,
          lastUsedAt: now,
          leftAt,
          ...(isTaken ? { shunnedUntil: Infinity } : {}),
        });
      }
    }
    if (after?.placed && after.agentId !== undefined) {
      const change = this.#book(after.agentId, after.appId, demand, 1);
      for (const port of heldPorts(after)) {
        const past = change.ports.get(port)?.leftAt ?? this.base.unknownLeftAt;
        const leftAt = Math.max(past, after.leftAt);
        change.ports.set(port, { appId: after.appId, heldBy: after.id, lastUsedAt: now, leftAt });
      }
    }
  }

  #book(agent: AgentId, app: AppId, demand: AppSpec, sign: 1 | -1): AgentChanges {
    let change = this.#changes.get(agent);
    if (!change) {
      change = {
        cpus: 0,
        mem: 0,
        disk: 0,
        instances: 0,
        countByApp: new Map(),
        ports: new Map(this.base.ports(agent)),
      };
      this.#changes.set(agent, change);
    }
    change.cpus += sign * demand.cpus;
    change.mem += sign * demand.mem;
    change.disk += sign * demand.disk;
    change.instances += sign;
    change.countByApp.set(app, (change.countByApp.get(app) ?? 0) + sign);
    return change;
  }
}
