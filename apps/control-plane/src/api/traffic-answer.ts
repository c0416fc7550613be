// The traffic of one app: the shares that are wanted beside what proxies measured, by version.
import {
  requireApp,
  type ControlCore,
  type MeasuredApp,
  type MeasuredService,
  type MeasuredVersion,
  type ServedGroup,
} from '#libs/control-core';
import {
  idPathOf,
  isOfCurrentConfig,
  shareOf,
  timestampOf,
  type App,
  type AppId,
  type AppVersion,
  type Timestamp,
} from '#libs/model';

interface Counted {
  instances: number;
  routed: number;
}

/** Also of a deployment group, by its own id: the rows of all its apps, as its service answers. */
export function trafficAnswer(core: ControlCore, id: AppId): object {
  const { state, proxies, routes, clock } = core;
  const now = clock.now();
  const group = routes.groups(state).find((each) => each.id === id || each.apps.includes(id));
  const windowSeconds = proxies.traffic.windowSeconds(now);
  if (group?.id === id) {
    const { versions: _, ...measured } = proxies.traffic.app(id, now);
    const rows = group.apps.flatMap((appId) => {
      const app = requireApp(state, appId);
      const own = proxies.traffic.app(appId, now, [inGroup(group, appId)]);
      return rowsOf(app, state, own).map((row) => ({ appId, ...row, weight: null }));
    });
    return { appId: id, group, shares: [], pins: [], windowSeconds, measured, versions: rows };
  }
  const app = requireApp(state, id);
  const services = [{ id }, ...(group ? [inGroup(group, id)] : [])];
  const { versions, ...measured } = proxies.traffic.app(id, now, services);
  const { shares = [], pins = [], since, cause } = app.traffic ?? {};
  return {
    appId: id,
    ...(group ? { group } : {}),
    shares: shares.map(({ version, weight }) => ({ version, weight })),
    pins,
    ...(since === undefined ? {} : { since: timestampOf(since) }),
    ...(cause === undefined ? {} : { setBy: cause.text }),
    windowSeconds,
    measured,
    versions: rowsOf(app, state, { versions }),
  };
}

/** What of the traffic of a group went to the tasks of one of its apps: the id of a task begins with that of its app. */
const inGroup = ({ id }: ServedGroup, app: AppId): MeasuredService => ({
  id,
  isOf: ({ taskId = '' }) => taskId.slice(0, taskId.lastIndexOf('.')) === idPathOf(app),
});

interface Row extends Counted {
  readonly version: string;
  readonly current: boolean;
  readonly weight: number | null;
  readonly measured: object | null;
}

/** Newest first. Current are all versions with the config of the current one: after a rollback its instances keep the name that they had. */
function rowsOf(
  app: App,
  state: ControlCore['state'],
  { versions }: Pick<MeasuredApp, 'versions'>,
): readonly Row[] {
  const counts = countsOf(app, state);
  const shares = app.traffic?.shares ?? [];
  for (const { version } of shares) if (!counts.has(version)) counts.set(version, none());
  return [...counts]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([version, counted]) => ({
      version,
      current: version === nameOf(app, app.current) || isOfCurrentConfig(version, app.current),
      ...counted,
      weight: shares.find((each) => each.version === version)?.weight ?? null,
      measured: withoutName(versions.find((each) => each.version === version)),
    }));
}

/** By the name under which proxies know it. */
function countsOf(app: App, state: ControlCore['state']): Map<Timestamp, Counted> {
  const counts = new Map<Timestamp, Counted>();
  for (const instance of state.instancesOf(app.id)) {
    if (instance.goal !== 'running') continue;
    const name = nameOf(app, state.versionOf(instance));
    const count = counts.get(name) ?? none();
    count.instances += 1;
    if (instance.routing !== 'out') count.routed += 1;
    counts.set(name, count);
  }
  return counts;
}

const nameOf = ({ traffic, current }: App, definition: AppVersion): Timestamp =>
  (traffic && shareOf(traffic, definition, current)?.version) ?? definition.version;
const none = (): Counted => ({ instances: 0, routed: 0 });

/** Null: no proxy has told of any. */
function withoutName(measured: MeasuredVersion | undefined): object | null {
  if (!measured) return null;
  const { version: _, ...rest } = measured;
  return rest;
}
