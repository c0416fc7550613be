// The working rows of one app inside a pass. Rules read and write it one after the other, so that later decisions build on
// earlier ones; the snapshot stays as it was, and a draft that breaks an invariant is thrown away whole.
import { newInstanceId } from '#libs/model';
import type { AgentId, App, AppId, AppVersion, Cause, Instance, InstanceId, Timestamp } from '#libs/model';
import type { AgentExplanation } from '#libs/placement';
import type { Write } from '#libs/store';
import type { Ids } from '#libs/time';
import { isAvailable } from './classify.js';
import type { AppSituation, InstanceSet } from './classify.js';
import type { Alarm, Decision, DecisionKind } from './decision.js';
import { requestStop } from './gatekeeper.js';
import type { StopView, StopVerdict } from './gatekeeper.js';
import type { LedgerOverlay } from './ledger-overlay.js';
import { toldIn } from './settled.js';
import type { ClusterSnapshot } from './snapshot.js';

/** What all apps of a pass share. */
export interface PassContext {
  readonly snapshot: ClusterSnapshot;
  readonly ledger: LedgerOverlay;
  readonly now: number;
  readonly ids: Ids;
}

export class AppDraft {
  readonly decisions: Decision[] = [];
  readonly alarms: Alarm[] = [];
  /** Rows that this pass forgot, as they were, in the order of their going. */
  readonly removed: { readonly instance: Instance; readonly cause: Cause }[] = [];
  /** Of instances that found no place. */
  unplaced: { count: number; perAgent: readonly AgentExplanation[] } | null = null;
  wakeAt: number | null = null;
  /** Agents whose word of now is waited for. */
  readonly awaited = new Set<AgentId>();
  readonly #instances: Map<InstanceId, Instance>;
  /** Healthy and routed ones; null = not counted since the last change. Counting anew for each of many stops would be quadratic. */
  #available: Set<InstanceId> | null = null;
  /** The rows as a list; null = not listed since the last change. Listing them anew for each question about one would be quadratic. */
  #listed: readonly Instance[] | null = null;
  /**
   * Whose set is known, of the rows as they are now. What is expected of one depends on whether a sibling was ever in the table; any other
   * change is a new row.
   */
  #known = new Map<Instance, InstanceSet>();
  #app: App;
  #isRemoved = false;

  constructor(
    readonly context: PassContext,
    readonly stored: App,
  ) {
    this.#app = stored;
    this.#instances = new Map(context.snapshot.instancesOf(stored.id).map((each) => [each.id, each]));
  }

  get id(): AppId {
    return this.stored.id;
  }
  get app(): App {
    return this.#app;
  }
  get now(): number {
    return this.context.now;
  }
  /** The app's row goes with this pass. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }
  get instances(): readonly Instance[] {
    this.#listed ??= [...this.#instances.values()];
    return this.#listed;
  }
  /** The number of the table that this pass makes, if it changes any routing. */
  get nextTable(): number {
    return this.context.snapshot.tableNumber + 1;
  }
  instance(id: InstanceId): Instance | undefined {
    return this.#instances.get(id);
  }

  versionOf(instance: Pick<Instance, 'appId' | 'version'>): AppVersion {
    return instance.version === this.#app.current.version
      ? this.#app.current
      : this.context.snapshot.versionOf(instance);
  }

  /** A moment for classification; taken anew after each change. */
  situation(): AppSituation {
    const { settings, officeSince } = this.context.snapshot;
    return {
      app: this.#app,
      instances: this.instances,
      versionOf: (each) => this.versionOf(each),
      settings,
      officeSince,
      now: this.now,
      known: this.#known,
      ...toldIn(this.context.snapshot),
    };
  }

  /** Look again at this time although nothing was reported. */
  wake(at: number): void {
    if (Number.isFinite(at)) this.wakeAt = Math.min(this.wakeAt ?? Infinity, at);
  }

  /** Changes members of an instance's row. A change of routing makes a new table. */
  change(kind: DecisionKind, id: InstanceId, change: (row: Instance) => Instance, cause: Cause): void {
    const before = this.#instances.get(id);
    if (!before) return;
    const row = change(before);
    const isRerouted =
      row.routing !== before.routing || (row.routing !== 'out' && row.taskId !== before.taskId);
    this.#put(kind, row, cause, isRerouted);
  }

  /** `version`: absent: the current one. */
  create(cause: Cause, version: Timestamp = this.#app.current.version): Instance {
    const { ids } = this.context;
    const instance: Instance = {
      id: newInstanceId(this.id, ids.uuid()),
      appId: this.id,
      version,
      goal: 'running',
      incarnation: 0,
      placed: false,
      hostPorts: [],
      createdAt: this.now,
      cause,
      routing: 'out',
      leftAt: 0,
      goalRevision: 0,
    };
    this.#put('create-instance', instance, cause, false);
    return instance;
  }

  remove(id: InstanceId, cause: Cause): void {
    const before = this.#instances.get(id);
    if (!before) return;
    const table: Write[] =
      before.routing === 'out' ? [] : [{ kind: 'set-table-number', number: this.nextTable }];
    this.#forget(before);
    this.removed.push({ instance: before, cause });
    this.decide('remove-instance', cause, [{ kind: 'remove-instance', id }, ...table], id);
  }

  /** Asks the gatekeeper. */
  stop(id: InstanceId, cause: Cause, then: 'remove' | 'relaunch'): StopVerdict {
    const before = this.#instances.get(id);
    if (!before) return { kind: 'unchanged' };
    const verdict = requestStop(this.#stopView(), before, cause, then, this.now);
    if (verdict.kind !== 'granted') return verdict;
    if (verdict.instance) this.#put('request-stop', verdict.instance, cause, before.routing !== 'out');
    else this.remove(id, cause);
    return verdict;
  }

  putApp(kind: DecisionKind, change: (app: App) => App, cause: Cause): void {
    this.#app = { ...change(this.#app), revision: this.stored.revision + 1 };
    this.decide(kind, cause, [{ kind: 'put-app', app: this.#app }]);
  }

  removeApp(cause: Cause): void {
    this.#isRemoved = true;
    this.decide('remove-app', cause, [{ kind: 'remove-app', id: this.id }]);
  }

  decide(kind: DecisionKind, cause: Cause, writes: readonly Write[], instanceId?: InstanceId): void {
    this.decisions.push({
      kind,
      appId: this.id,
      cause,
      writes,
      ...(instanceId === undefined ? {} : { instanceId }),
    });
  }

  #put(kind: DecisionKind, changed: Instance, cause: Cause, isRerouted: boolean): void {
    const before = this.#instances.get(changed.id);
    const base = this.context.snapshot.instance(changed.id)?.goalRevision ?? 0;
    const row: Instance = { ...changed, goalRevision: base + 1 };
    this.context.ledger.note(before, row, this.versionOf(row).spec, this.now);
    this.#instances.set(row.id, row);
    this.#listed = null;
    // a stop takes this one instance away; any other change may make or unmake others
    if (kind === 'request-stop') this.#available?.delete(row.id);
    else this.#available = null;
    if (isRerouted) this.#known = new Map();
    const table: Write[] = isRerouted ? [{ kind: 'set-table-number', number: this.nextTable }] : [];
    this.decide(kind, cause, [{ kind: 'put-instance', instance: row }, ...table], row.id);
  }

  #forget(instance: Instance): void {
    this.context.ledger.note(instance, undefined, this.versionOf(instance).spec, this.now);
    this.#instances.delete(instance.id);
    this.#listed = null;
    this.#known = new Map();
    this.#available?.delete(instance.id);
  }

  #stopView(): StopView {
    const { tableNumber, settings, officeSince } = this.context.snapshot;
    return {
      apps: new Map([[this.id, this.#app]]),
      instancesOf: () => this.instances,
      versionOf: (instance) => this.versionOf(instance),
      availableOf: () => this.#countAvailable(),
      tableNumber,
      settings,
      officeSince,
    };
  }

  #countAvailable(): number {
    const situation = this.situation();
    this.#available ??= new Set(
      situation.instances.filter((each) => isAvailable(each, situation)).map((each) => each.id),
    );
    return this.#available.size;
  }
}
