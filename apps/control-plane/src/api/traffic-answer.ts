// The traffic of one app: the shares that are wanted beside what proxies measured, by version.
import type { ControlCore, MeasuredVersion } from '#libs/control-core';
import { shareOf, timestampOf, type App, type AppVersion, type Timestamp } from '#libs/model';

interface Counted {
  instances: number;
  routed: number;
}

export function trafficAnswer({ state, proxies, clock }: ControlCore, app: App): object {
  const now = clock.now();
  const { versions, ...measured } = proxies.traffic.app(app.id, now);
  const counts = countsOf(app, state);
  for (const { version } of app.traffic?.shares ?? []) if (!counts.has(version)) counts.set(version, none());
  const names = [...counts.keys()].sort((a, b) => (a < b ? 1 : -1));
  const { shares = [], pins = [], since, cause } = app.traffic ?? {};
  return {
    appId: app.id,
    shares: shares.map(({ version, weight }) => ({ version, weight })),
    pins,
    ...(since === undefined ? {} : { since: timestampOf(since) }),
    ...(cause === undefined ? {} : { setBy: cause.text }),
    windowSeconds: proxies.traffic.windowSeconds(now),
    measured,
    versions: names.map((version) => ({
      version,
      current: version === nameOf(app, app.current),
      ...(counts.get(version) ?? none()),
      weight: shares.find((each) => each.version === version)?.weight ?? null,
      measured: withoutName(versions.find((each) => each.version === version)),
    })),
  };
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
