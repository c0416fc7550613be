// The route table as proxies get it: built whole from the working set, once per number, and announced when the number moves.
import type { ClusterId, PortRange, Timestamp } from '#libs/model';
import { timestampOf } from '#libs/model';
import { buildRouteTable, routeWarnings, type RouteTable, type RouteWarning } from '#libs/routing';
import type { Committed } from './lane.js';
import type { WorkingSet } from './working-set.js';

export type TableListener = () => void;

export class RouteFeed {
  readonly #listeners = new Set<TableListener>();
  #table: RouteTable | null = null;

  constructor(
    private readonly cluster: ClusterId,
    private readonly servicePortRange: PortRange,
  ) {}

  table(workingSet: WorkingSet): RouteTable {
    const known = this.#table;
    if (known && known.number === workingSet.tableNumber && known.epoch === workingSet.epoch) return known;
    this.#table = buildRouteTable({
      cluster: this.cluster,
      epoch: workingSet.epoch,
      number: workingSet.tableNumber,
      madeAt: newestVersion(workingSet),
      apps: routedApps(workingSet),
      agentOf: (id) => workingSet.agents.get(id)?.info,
      servicePortRange: this.servicePortRange,
    });
    return this.#table;
  }

  warnings(workingSet: WorkingSet): readonly RouteWarning[] {
    return routeWarnings({ apps: routedApps(workingSet), servicePortRange: this.servicePortRange });
  }

  /** Called after each new number, until the returned function is. */
  listen(listener: TableListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  committed({ touched }: Committed): void {
    if (touched.table) this.announce();
  }
  /** Also on taking office: the epoch is new, and so is the table. */
  announce(): void {
    for (const listener of this.#listeners) listener();
  }
}

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
