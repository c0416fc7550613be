// The Store in memory: same contract, same conformance suite as Postgres, for the simulator and the specs of the cores.
// Every method does its work in the turn of the call, so microtask order is deterministic. `connect()` gives further handles on the
// same rows; a handle can be cut off or lose the answer of its next commit, as a network would do it.
import { asClusterId } from '#libs/model';
import type {
  AppId,
  AppVersion,
  ClusterId,
  Deployment,
  DeploymentId,
  Instance,
  InstanceId,
  TaskId,
  Timestamp,
} from '#libs/model';
import type { StoredEvent } from '#libs/events';
import type { Clock, Ids } from '#libs/time';
import { applyPlan, claimsOf, emptyRows, endedDeployments, trimReasons } from './memory-rows.js';
import type { MemoryRows } from './memory-rows.js';
import { EVENTS_KEPT, EVENTS_KEPT_MS, REASONS_KEPT_MS, REASONS_PER_INSTANCE } from './retention.js';
import { StoreUnavailable } from './store.js';
import type {
  Commit,
  CommitResult,
  EventPage,
  Guard,
  Leadership,
  ReasonPage,
  Store,
  StoredReason,
  StoredState,
} from './store.js';
import { planWrites } from './write-plan.js';
import type { WritePlan } from './write-plan.js';

interface Lease extends Leadership {
  /** Epoch ms of the store's clock; holding ends when this time is reached. */
  readonly until: number;
}

/** What all handles share. */
interface MemoryDatabase {
  readonly clock: Clock;
  readonly clusterId: ClusterId;
  readonly rows: MemoryRows;
  lease: Lease;
}

export class MemoryStore implements Store {
  readonly #database: MemoryDatabase;
  #reachable = true;
  #answerLost = false;

  /** `clock` is the store's own clock: leases end on it. `ids` gives the cluster its id. */
  constructor(world: { readonly clock: Clock; readonly ids: Ids } | MemoryStore) {
    this.#database = world instanceof MemoryStore ? world.#database : newDatabase(world.clock, world.ids);
  }

  /** Another handle on the same rows, e.g. for a second control plane. */
  connect(): MemoryStore {
    return new MemoryStore(this);
  }

  /** While false every method of this handle throws StoreUnavailable and does nothing. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
  }

  /** The next commit of this handle takes effect, but its caller gets StoreUnavailable. */
  loseNextAnswer(): void {
    this.#answerLost = true;
  }

  async clusterId(): Promise<ClusterId> {
    return this.#open().clusterId;
  }

  async time(): Promise<number> {
    return this.#open().clock.now();
  }

  async campaign(holder: string, address: string, leaseMs: number): Promise<Leadership> {
    const database = this.#open();
    const now = database.clock.now();
    const { lease } = database;
    const held = now < lease.until;
    if (!held || lease.holder === holder) {
      const epoch = held ? lease.epoch : lease.epoch + 1;
      database.lease = { holder, address, epoch, until: now + leaseMs };
    }
    const { until: _, ...leadership } = database.lease;
    return leadership;
  }

  async resign(holder: string): Promise<void> {
    const database = this.#open();
    if (database.lease.holder === holder) database.lease = { ...database.lease, until: 0 };
  }

  async load(): Promise<StoredState> {
    const { rows } = this.#open();
    const instances = [...rows.instances.values()];
    return {
      apps: [...rows.apps.values()],
      groups: [...rows.groups.values()],
      versions: usedVersions(rows, instances),
      instances,
      deployments: [...rows.deployments.values()].filter((each) => each.status === 'running'),
      agents: [...rows.agents.values()],
      proxies: [...rows.proxies.values()],
      tableNumber: rows.tableNumber,
      eventNumber: rows.eventNumber,
      lastVersion: rows.lastVersion,
    };
  }

  async commit(commit: Commit): Promise<CommitResult> {
    const result = this.#commit(this.#open(), commit);
    if (!this.#answerLost) return result;
    this.#answerLost = false;
    throw new StoreUnavailable('the answer to a commit was lost');
  }

  async versions(app: AppId): Promise<readonly AppVersion[]> {
    const stored = [...(this.#open().rows.versions.get(app)?.values() ?? [])];
    return stored.sort((left, right) => (left.version < right.version ? 1 : -1));
  }

  async deployment(id: DeploymentId): Promise<Deployment | null> {
    return this.#open().rows.deployments.get(id) ?? null;
  }

  async history(limit: number): Promise<readonly Deployment[]> {
    return endedDeployments(this.#open().rows).slice(0, limit);
  }

  async endedBefore(version: Timestamp, limit: number): Promise<readonly Deployment[]> {
    return endedDeployments(this.#open().rows)
      .filter((each) => each.version < version)
      .sort((left, right) => (left.version < right.version ? 1 : -1))
      .slice(0, limit);
  }

  async eventsAfter(after: number, limit: number, bytesMax = Infinity): Promise<EventPage> {
    const { rows } = this.#open();
    const oldest = rows.eventNumber - rows.events.length + 1;
    if (after < oldest - 1) return { kind: 'too-old', oldest };
    if (after > rows.eventNumber) return { kind: 'ahead', newest: rows.eventNumber };
    const start = after - oldest + 1;
    return { kind: 'events', events: upTo(bytesMax, rows.events.slice(start, start + limit)) };
  }

  async reasonsOf(instance: InstanceId): Promise<readonly StoredReason[]> {
    return (this.#open().rows.reasons.get(instance) ?? []).toReversed();
  }

  async reasonsOfApp(app: AppId, { limit, before = Infinity }: ReasonPage): Promise<readonly StoredReason[]> {
    return [...this.#open().rows.reasons.values()]
      .flatMap((each) => each.filter(({ appId, number }) => appId === app && number < before))
      .sort((left, right) => right.number - left.number)
      .slice(0, limit);
  }

  async instanceOfTask(task: TaskId): Promise<InstanceId | null> {
    return this.#open().rows.instanceOfTask.get(task) ?? null;
  }

  async tokenRole(sha256: string): Promise<'agent' | 'proxy' | null> {
    return this.#open().rows.tokens.get(sha256) ?? null;
  }

  async putToken(sha256: string, role: 'agent' | 'proxy'): Promise<void> {
    this.#open().rows.tokens.set(sha256, role);
  }

  async trimEvents(): Promise<number> {
    const { rows, clock } = this.#open();
    const oldestKept = clock.now() - EVENTS_KEPT_MS;
    const tooOld = rows.events.findLastIndex((each) => Date.parse(each.timestamp) < oldestKept) + 1;
    const forgotten = Math.max(tooOld, rows.events.length - EVENTS_KEPT);
    rows.events = rows.events.slice(Math.max(0, forgotten));
    trimReasons(rows, clock.now() - REASONS_KEPT_MS, REASONS_PER_INSTANCE);
    return Math.max(0, forgotten);
  }

  async close(): Promise<void> {
    this.#reachable = false;
  }

  #open(): MemoryDatabase {
    if (!this.#reachable) throw new StoreUnavailable('the memory store is cut off');
    return this.#database;
  }

  #commit(database: MemoryDatabase, { epoch, guards, writes, events }: Commit): CommitResult {
    const { rows, lease, clock } = database;
    if (epoch !== lease.epoch || clock.now() >= lease.until) return { kind: 'fenced', epoch: lease.epoch };
    const failed = guards.find((guard) => revisionOf(rows, guard) !== wantedRevision(guard));
    if (failed) return { kind: 'conflict', guard: failed };
    const plan = planWrites(writes);
    const late = claimedTwice(rows, plan);
    if (late) return portConflict(late);
    applyPlan(rows, plan);
    const numbered = events.map((event): StoredEvent => ({ ...event, number: (rows.eventNumber += 1) }));
    for (const event of numbered) rows.events.push(event);
    return { kind: 'committed', events: numbered };
  }
}

/** The first ones that together are no larger; one at least. */
function upTo(bytesMax: number, events: readonly StoredEvent[]): readonly StoredEvent[] {
  let bytes = 0;
  const tooMany = events.findIndex(({ payload }) => (bytes += JSON.stringify(payload).length) > bytesMax);
  return tooMany < 0 ? events : events.slice(0, Math.max(1, tooMany));
}

/** How both stores report a host port that is claimed twice. */
export const portConflict = (instance: Instance): CommitResult => ({
  kind: 'conflict',
  guard: { kind: 'instance', id: instance.id, goalRevision: instance.goalRevision },
  reason: `another placed instance on agent ${instance.agentId} holds a host port of ${instance.id}`,
});

const newDatabase = (clock: Clock, ids: Ids): MemoryDatabase => ({
  clock,
  clusterId: asClusterId(ids.uuid()),
  rows: emptyRows(),
  lease: { holder: '', address: '', epoch: 0, until: 0 },
});

function revisionOf(rows: MemoryRows, guard: Guard): number | null {
  switch (guard.kind) {
    case 'app':
      return rows.apps.get(guard.id)?.revision ?? null;
    case 'group':
      return rows.groups.get(guard.id)?.revision ?? null;
    case 'deployment':
      return rows.deployments.get(guard.id)?.revision ?? null;
    case 'instance':
      return rows.instances.get(guard.id)?.goalRevision ?? null;
  }
}

const wantedRevision = (guard: Guard): number | null =>
  guard.kind === 'instance' ? guard.goalRevision : guard.revision;

/** The first instance of the plan whose host port belongs to another one once the plan is carried out. */
function claimedTwice(rows: MemoryRows, plan: WritePlan): Instance | undefined {
  const { removed, puts } = plan.instances;
  const claimed = new Set<string>();
  for (const instance of puts.values()) {
    for (const claim of claimsOf(instance)) {
      const holder = rows.claims.get(claim);
      const stays = holder !== undefined && !removed.has(holder) && !puts.has(holder);
      if (stays || claimed.has(claim)) return instance;
      claimed.add(claim);
    }
  }
  return undefined;
}

function usedVersions(rows: MemoryRows, instances: readonly Instance[]): AppVersion[] {
  const used = new Set<AppVersion>();
  for (const { appId, version } of instances) {
    if (rows.apps.get(appId)?.current.version === version) continue;
    const stored = rows.versions.get(appId)?.get(version);
    if (stored) used.add(stored);
  }
  return [...used];
}
