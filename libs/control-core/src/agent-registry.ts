// Agents as the leader sees them: who may join, who is heard, who is lost (decisions.md 17, 23). A silent agent is disconnected
// after 10 s and lost after 30 s; all of that starts anew when a leader takes office. The host brake: when several agents fall
// silent together, the network is suspected first, and none is declared lost until they return or a person says so.
import { HEARTBEAT_MS, PROTOCOL_VERSION, SESSION_DEAD_MS, type Hello } from '#libs/agent-protocol';
import type {
  AgentId,
  AgentInfo,
  AgentLiveness,
  AgentNode,
  AppId,
  Cause,
  ClusterId,
  PortRange,
} from '#libs/model';
import type { Write } from '#libs/store';
import type { Clock, Timer } from '#libs/time';
import type { Alarms } from './alarms.js';
import { HOST_BRAKE_ALARM, type HostBrakeState } from './brake-state.js';
import type { Lane } from './lane.js';
import type { Log } from './log.js';
import type { WorkingSet } from './working-set.js';

export const AGENT_LOST_MS = 30_000;
const SWEEP_MS = 1_000;

export type HelloAnswer =
  | { readonly kind: 'welcome'; readonly cluster: ClusterId; readonly epoch: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly final: boolean };

export interface AgentRegistryParts {
  readonly lane: Lane;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  readonly cluster: ClusterId;
  /** What they waited for was told: see `awaitWord`. */
  readonly told?: (apps: ReadonlySet<AppId>) => void;
}

export class AgentRegistry {
  readonly #parts: AgentRegistryParts;
  readonly #heardAt = new Map<AgentId, number>();
  readonly #toldUntil = new Map<AgentId, number>();
  readonly #asks = new Map<AgentId, () => void>();
  readonly #awaiting = new Map<AgentId, Set<AppId>>();
  #officeSince = 0;
  #timer: Timer | null = null;

  constructor(parts: AgentRegistryParts) {
    this.#parts = parts;
  }

  takeOffice(now: number): void {
    this.#heardAt.clear();
    this.#toldUntil.clear();
    this.#awaiting.clear();
    this.#officeSince = now;
    this.#schedule();
  }
  leaveOffice(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Checks the hello and registers the agent as connected; throws when there is no leader to do it. */
  hello(hello: Hello): Promise<HelloAnswer> {
    return this.#parts.lane.submit<HelloAnswer>((workingSet, now) => {
      const refusal = refuseHello(hello, workingSet, this.#parts.cluster);
      if (refusal) return { writes: [], value: refusal };
      const { id } = hello.agent;
      this.#heardAt.set(id, now);
      const known = workingSet.agents.get(id);
      const agent: AgentNode = {
        info: hello.agent,
        run: hello.run,
        liveness: 'connected',
        since: known?.liveness === 'connected' ? known.since : now,
        diskLow: known?.diskLow ?? false,
      };
      const value = { kind: 'welcome', cluster: this.#parts.cluster, epoch: workingSet.epoch } as const;
      return { writes: [{ kind: 'put-agent', agent }], value };
    });
  }

  /** Any frame of its session counts as a heartbeat. */
  heard(id: AgentId): void {
    this.#heardAt.set(id, this.#parts.clock.now());
  }

  /** Every status that its session brought before this time is stored, and all that it had to say at its beginning was among them. */
  told(id: AgentId, at: number): void {
    this.#toldUntil.set(id, Math.max(at, this.toldUntil(id)));
    const apps = this.#awaiting.get(id);
    this.#awaiting.delete(id);
    if (apps) this.#parts.told?.(apps);
  }
  /** Control plane's clock; 0: not since the beginning of this office. */
  toldUntil(id: AgentId): number {
    return this.#toldUntil.get(id) ?? 0;
  }

  /** A session of this agent began; `ask` makes it tell all that it knows, and then comes `told` with a time not before the call. */
  attach(id: AgentId, ask: () => void): void {
    this.#asks.set(id, ask);
  }
  /** The session is over. */
  detach(id: AgentId, ask: () => void): void {
    if (this.#asks.get(id) === ask) this.#asks.delete(id);
  }
  /** These agents are asked; when the first of them has told what it knows, this app is among those of `told`. */
  awaitWord(app: AppId, agents: Iterable<AgentId>): void {
    for (const id of agents) {
      const apps = this.#awaiting.get(id);
      this.#awaiting.set(id, (apps ?? new Set()).add(app));
      // one question at a time: an answer that is too old for this app lets it ask anew
      if (!apps) this.#asks.get(id)?.();
    }
  }

  update(id: AgentId, info: AgentInfo, diskLow: boolean): Promise<void> {
    return this.#parts.lane.submit((workingSet) => {
      const known = workingSet.agents.get(id);
      const same =
        known?.diskLow === diskLow && JSON.stringify(known.info) === JSON.stringify({ ...info, id });
      if (!known || same) return { writes: [], value: undefined };
      const agent = { ...known, info: { ...info, id }, diskLow };
      return { writes: [{ kind: 'put-agent', agent }], value: undefined };
    });
  }

  /** A person says that this agent will not come back: its instances are replaced at once, whatever the brake says. */
  declareLost(id: AgentId, by?: Cause): Promise<boolean> {
    return this.#parts.lane.submit((workingSet, now) => {
      const known = workingSet.agents.get(id);
      if (!known) return { writes: [], value: false };
      this.#heardAt.delete(id);
      const text = `a person declared it lost: ${by?.text ?? 'a request to the API'}`;
      return { writes: [lost(known, now, { kind: 'request', text })], value: true };
    });
  }

  /** Those that are not lost and were not heard for as long as ends a session. */
  silent(workingSet: WorkingSet): HostBrakeState['silent'] {
    const now = this.#parts.clock.now();
    return [...workingSet.agents.values()]
      .filter(({ liveness }) => liveness !== 'lost')
      .map((each) => ({ ...each.info, silentMs: this.#silentFor(each, now) }))
      .filter(({ silentMs }) => silentMs >= SESSION_DEAD_MS)
      .map(({ id, hostname, silentMs }) => ({ id, hostname, silentMs }));
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(SWEEP_MS, () => {
      this.#schedule();
      this.#sweep();
    });
  }

  #sweep(): void {
    if (!this.#parts.lane.isOpen) return;
    const swept = this.#parts.lane.submit((workingSet, now) => ({
      writes: this.#changes(workingSet, now),
      value: undefined,
    }));
    swept.catch((error: unknown) => this.#parts.log.warn({ err: error }, 'agents could not be swept'));
  }

  #silentFor(agent: AgentNode, now: number): number {
    return now - Math.max(this.#heardAt.get(agent.info.id) ?? 0, this.#officeSince);
  }

  #changes(workingSet: WorkingSet, now: number): Write[] {
    const agents = [...workingSet.agents.values()].filter(({ liveness }) => liveness !== 'lost');
    const silent = agents.filter((each) => this.#silentFor(each, now) >= SESSION_DEAD_MS);
    const due = silent.filter((each) => this.#silentFor(each, now) >= AGENT_LOST_MS);
    // a slow sweep must not miss an agent whose silence began a heartbeat or two later than the first one's
    const recentlyLost = [...workingSet.agents.values()].filter(
      ({ liveness, since }) => liveness === 'lost' && now - since < 2 * AGENT_LOST_MS,
    ).length;
    const together = silent.length + recentlyLost;
    const braked = due.length > 0 && together >= 2 && together * 3 >= agents.length + recentlyLost;
    this.#tellBrake(braked, silent, now);
    const gone = silent.filter(({ liveness }) => liveness === 'connected');
    // heard again before its session was given up: no hello will come to say so
    const back = agents.filter(
      (each) => each.liveness === 'disconnected' && this.#heardAt.has(each.info.id) && !silent.includes(each),
    );
    return [
      ...back.map((each) => moved(each, 'connected', now)),
      ...gone.filter((each) => braked || !due.includes(each)).map((each) => moved(each, 'disconnected', now)),
      ...(braked ? [] : due.map((each) => lost(each, now, silence(this.#silentFor(each, now))))),
    ];
  }

  #tellBrake(braked: boolean, silent: readonly AgentNode[], now: number): void {
    const { alarms } = this.#parts;
    if (!braked) return silent.length < 2 ? alarms.clear(HOST_BRAKE_ALARM) : undefined;
    const names = silent.map(({ info }) => info.hostname).join(', ');
    alarms.raise(
      HOST_BRAKE_ALARM,
      HOST_BRAKE_ALARM,
      `${silent.length} agents fell silent together (${names}): none is declared lost until they return, or a person says so with DELETE /v3/agents/ID`,
      now,
    );
  }
}

/** How long an agent may be silent before its session is closed: decisions.md 17. */
export const AGENT_SILENCE_MS = SESSION_DEAD_MS;
export const AGENT_HEARTBEAT_MS = HEARTBEAT_MS;

const moved = ({ cause: _, ...agent }: AgentNode, liveness: AgentLiveness, since: number): Write => ({
  kind: 'put-agent',
  agent: { ...agent, liveness, since },
});
const lost = (agent: AgentNode, since: number, cause: Cause): Write => ({
  kind: 'put-agent',
  agent: { ...agent, liveness: 'lost', since, cause },
});
const silence = (ms: number): Cause => ({
  kind: 'lost-agent',
  text: `it was silent for ${Math.floor(ms / 1000)} s`,
});

function refuseHello(hello: Hello, workingSet: WorkingSet, cluster: ClusterId): HelloAnswer | null {
  const { agent, protocol, run, epoch } = hello;
  if (protocol !== PROTOCOL_VERSION) {
    return refused(
      `this agent speaks protocol ${protocol}, the control plane ${PROTOCOL_VERSION}: install the same version on both`,
    );
  }
  if (hello.cluster !== null && hello.cluster !== cluster) {
    return refused(
      `this agent belongs to cluster ${hello.cluster}, this control plane to ${cluster}: use another --data-dir or --control-plane`,
    );
  }
  if (epoch > workingSet.epoch) {
    return refused(`this agent has seen epoch ${epoch}, this control plane has ${workingSet.epoch}`, false);
  }
  const known = workingSet.agents.get(agent.id);
  if (known && run < known.run) {
    return refused(
      `agent ${agent.id} has been here with run ${known.run}, this one says ${run}: its data folder is an old copy`,
    );
  }
  const other = [...workingSet.agents.values()].find((each) => overlaps(agent, each));
  if (!other) return null;
  return refused(
    `agent ${other.info.id} (${other.info.hostname}) on ${agent.address} hands out the same task ports: give one of them other --task-ports`,
  );
}

const refused = (reason: string, final = true): HelloAnswer => ({ kind: 'refused', reason, final });

function overlaps(agent: AgentInfo, other: AgentNode): boolean {
  if (other.info.id === agent.id || other.liveness === 'lost' || other.info.address !== agent.address)
    return false;
  const cross = (a: PortRange, b: PortRange): boolean => a.from <= b.to && b.from <= a.to;
  return agent.resources.ports.some((mine) =>
    other.info.resources.ports.some((theirs) => cross(mine, theirs)),
  );
}
