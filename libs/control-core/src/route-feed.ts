// The route table as proxies get it: built whole from the working set, once per number, and announced when the number moves. The words
// that say why an app has no target go stale without a new number; then the same table goes out again with fresh ones, now and then.
import type {
  App,
  AppId,
  AppVersion,
  ClusterId,
  Instance,
  PortRange,
  ProxyNode,
  Timestamp,
} from '#libs/model';
import { timestampOf } from '#libs/model';
import {
  buildRouteTable,
  deploymentGroups,
  routeWarnings,
  waysThrough,
  type RouteTable,
  type RouteWarning,
  type ServingProxy,
  type WayThrough,
} from '#libs/routing';
import type { Clock, Timer } from '#libs/time';
import type { Committed } from './lane.js';
import type { WorkingSet } from './working-set.js';

export type TableListener = () => void;

/** Fresh words at most this often: a crash loop must not send whole tables all the time. */
const REWORD_MS = 1_000;

/** Apps that answer for one service (HAPROXY_DEPLOYMENT_GROUP). */
export interface ServedGroup {
  /** Of the service in the table. */
  readonly id: string;
  /** The oldest first. */
  readonly apps: readonly AppId[];
}

export interface RouteFeedParts {
  readonly cluster: ClusterId;
  readonly servicePortRange: PortRange;
  readonly clock: Clock;
  /** Null while this process has none. */
  readonly state: () => WorkingSet | null;
}

export class RouteFeed {
  readonly #parts: RouteFeedParts;
  readonly #listeners = new Set<TableListener>();
  #table: RouteTable | null = null;
  /** Of the table with this number: they change with definitions only, and each report of a proxy may ask for them. */
  #groups: { readonly table: RouteTable; readonly list: readonly ServedGroup[] } | null = null;
  #rewording: Timer | null = null;

  constructor(parts: RouteFeedParts) {
    this.#parts = parts;
  }

  table(workingSet: WorkingSet): RouteTable {
    const known = this.#table;
    if (known && known.number === workingSet.tableNumber && known.epoch === workingSet.epoch) return known;
    this.#table = this.#build(workingSet);
    return this.#table;
  }

  warnings(workingSet: WorkingSet): readonly RouteWarning[] {
    return routeWarnings({ apps: routedApps(workingSet), servicePortRange: this.#parts.servicePortRange });
  }

  /** What would be warned of if these apps were so, in the place of those with their ids or beside them. */
  warningsWith(workingSet: WorkingSet, changed: readonly App[]): readonly RouteWarning[] {
    const ids = new Set(changed.map(({ id }) => id));
    const versionOf = (instance: Instance): AppVersion => workingSet.versionOf(instance);
    const apps = [
      ...routedApps(workingSet).filter(({ app }) => !ids.has(app.id)),
      ...changed.map((app) => ({ app, instances: workingSet.instancesOf(app.id), versionOf })),
    ];
    return routeWarnings({ apps, servicePortRange: this.#parts.servicePortRange });
  }

  /** The deployment groups of the table, in order of id. */
  groups(workingSet: WorkingSet): readonly ServedGroup[] {
    const table = this.table(workingSet);
    if (this.#groups?.table === table) return this.#groups.list;
    const list = deploymentGroups(routedApps(workingSet).filter(({ app }) => !app.removing)).map(
      ({ id, members }) => ({ id, apps: members.map(({ app }) => app.id) }),
    );
    this.#groups = { table, list };
    return list;
  }

  /** By which addresses people reach each app, and through which of the proxies whose lease lasts. */
  ways(workingSet: WorkingSet): ReadonlyMap<AppId, readonly WayThrough[]> {
    const now = this.#parts.clock.now();
    const live = [...workingSet.proxies.values()]
      .filter(({ leaseUntil }) => leaseUntil > now)
      .map((each) => servingProxy(each, this.#parts.servicePortRange));
    return waysThrough(this.table(workingSet), routedApps(workingSet), live);
  }

  /** Called after each new number, and when the words of the same one are new, until the returned function is. */
  listen(listener: TableListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  committed({ touched }: Committed): void {
    if (touched.table) this.announce();
    else if (!this.#rewording && this.#explains(touched.apps))
      this.#rewording = this.#parts.clock.after(REWORD_MS, () => this.#reword());
  }
  /** Also on taking office: the epoch is new, and so is the table. */
  announce(): void {
    for (const listener of this.#listeners) listener();
  }

  #build(workingSet: WorkingSet): RouteTable {
    return buildRouteTable({
      cluster: this.#parts.cluster,
      epoch: workingSet.epoch,
      number: workingSet.tableNumber,
      madeAt: newestVersion(workingSet),
      apps: routedApps(workingSet),
      agentOf: (id) => workingSet.agents.get(id)?.info,
      servicePortRange: this.#parts.servicePortRange,
    });
  }

  /** Does the table say of one of these apps why it has no target? */
  #explains(apps: ReadonlySet<AppId>): boolean {
    return this.#table?.services.some(({ appId, targets }) => !targets.length && apps.has(appId)) ?? false;
  }

  #reword(): void {
    this.#rewording = null;
    const workingSet = this.#parts.state();
    const known = this.#table;
    if (!workingSet || !known || known.number !== workingSet.tableNumber || known.epoch !== workingSet.epoch)
      return;
    const fresh = this.#build(workingSet);
    if (wordsOf(fresh) === wordsOf(known)) return;
    this.#table = fresh;
    this.announce();
  }
}

/** `range`: of the table's service ports; nearly every proxy opens them all, and is then as one that says nothing of them. */
function servingProxy({ id, listens }: ProxyNode, range: PortRange): ServingProxy {
  const { groups, servicePorts, httpsNames } = listens ?? { appPaths: false };
  const isNarrower = servicePorts && (servicePorts.from > range.from || servicePorts.to < range.to);
  return {
    id,
    ...(groups ? { groups } : {}),
    ...(isNarrower ? { servicePorts } : {}),
    ...(httpsNames ? { httpsNames } : {}),
  };
}

const wordsOf = ({ services }: RouteTable): string =>
  services.map(({ emptyReason }) => emptyReason).join('\n');

const routedApps = (workingSet: WorkingSet) =>
  [...workingSet.apps.values()].map((app) => ({
    app,
    instances: workingSet.instancesOf(app.id),
    versionOf: (instance: Parameters<WorkingSet['versionOf']>[0]) => workingSet.versionOf(instance),
  }));

const newestVersion = (workingSet: WorkingSet): Timestamp =>
  [...workingSet.apps.values()].reduce(
    (newest, { current }) => (current.version > newest ? current.version : newest),
    timestampOf(0),
  );
