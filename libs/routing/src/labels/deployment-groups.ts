// Blue and green: apps with the same HAPROXY_DEPLOYMENT_GROUP answer for one service, as marathon_lb.py merges them. The older app's
// labels and port count while both are there; for each healthy instance of the newest one an older one gets no new requests.
// Nothing is decided here: the table only shows the apps as one.
import type { App, AppSpec, Instance } from '#libs/model';
import type { RouteTarget } from '../route-table.js';
import { deploymentGroupOf } from './place.js';

export interface Member {
  readonly app: App;
  /** All of this app, routed or not. */
  readonly instances: readonly Instance[];
}

export interface DeploymentGroup<M extends Member = Member> {
  /** With a slash before it. */
  readonly id: string;
  /** The oldest first; its labels count. */
  readonly members: readonly [M, ...M[]];
}

/** In order of id. A group whose id is that of an app outside of it is none: two services would have one name. */
export function deploymentGroups<M extends Member>(apps: readonly M[]): DeploymentGroup<M>[] {
  const groups = new Map<string, M[]>();
  for (const each of apps) {
    const id = deploymentGroupOf(each.app.current.spec);
    if (id !== undefined) groups.set(id, [...(groups.get(id) ?? []), each]);
  }
  const outside = new Set<string>(
    apps.filter(({ app }) => deploymentGroupOf(app.current.spec) !== app.id).map(({ app }) => app.id),
  );
  return [...groups]
    .filter(([id]) => !outside.has(id))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([id, members]) => {
      const [first, ...rest] = members.sort(byAge);
      return first ? [{ id, members: inDirection([first, ...rest]) }] : [];
    });
}

export type SiblingsOf = (spec: AppSpec) => readonly App[];

/** Tells the other apps of the deployment group that an app with a definition is in, without those that are being removed. */
export function siblingsAmong(apps: Iterable<App>): SiblingsOf {
  let groups: Map<string, App[]> | undefined;
  return (spec) => {
    const group = deploymentGroupOf(spec);
    if (group === undefined) return [];
    groups ??= byGroup(apps);
    return (groups.get(group) ?? []).filter(({ id }) => id !== spec.id);
  };
}

function byGroup(apps: Iterable<App>): Map<string, App[]> {
  const groups = new Map<string, App[]>();
  for (const app of apps) {
    const group = app.removing ? undefined : deploymentGroupOf(app.current.spec);
    if (group === undefined) continue;
    const members = groups.get(group) ?? [];
    groups.set(group, members);
    members.push(app);
  }
  return groups;
}

/** Groups that are not merged, with the app whose id is in the way. */
export function clashingGroups(apps: readonly Member[]): { readonly app: App; readonly id: string }[] {
  const ids = new Set<string>(apps.map(({ app }) => app.id));
  const merged = new Set(deploymentGroups(apps).map(({ id }) => id));
  return apps.flatMap(({ app }) => {
    const id = deploymentGroupOf(app.current.spec);
    return id !== undefined && ids.has(id) && !merged.has(id) ? [{ app, id }] : [];
  });
}

/** By HAPROXY_DEPLOYMENT_STARTED_AT; an app without one is the older. */
function byAge(a: Member, b: Member): number {
  return (
    order(startedAt(a.app), startedAt(b.app)) ||
    order(a.app.current.lastConfigChangeAt, b.app.current.lastConfigChangeAt) ||
    order(a.app.id, b.app.id)
  );
}

function startedAt({ current: { spec } }: App): number {
  const time = Date.parse(spec.labels['HAPROXY_DEPLOYMENT_STARTED_AT'] ?? '');
  return Number.isNaN(time) ? -Infinity : time;
}

const order = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** Going back from a split (zdd.py --complete-prev) scales the older app up: the one that was scaled last is where it goes. */
function inDirection<M extends Member>(members: readonly [M, ...M[]]): readonly [M, ...M[]] {
  const [older, newer, ...more] = members;
  if (!newer || more.length > 0 || newInstances(newer.app) === undefined) return members;
  return older.app.current.lastScalingAt > newer.app.current.lastScalingAt ? [newer, older] : members;
}

/** How many of the newest app there are meant to be; 0 or absent: all. */
const newInstances = ({ current: { spec } }: App): number | undefined =>
  countOf(spec.labels['HAPROXY_DEPLOYMENT_NEW_INSTANCES']) || undefined;

const countOf = (text: string | undefined): number | undefined =>
  /^\d{1,6}$/.test(text?.trim() ?? '') ? Number(text) : undefined;

/**
 * Targets of the members in their order, as one list in order of task id; weight 0 for those of older apps that make room.
 * With NEW_INSTANCES all members together keep TARGET_INSTANCES; without, each healthy new instance relieves an old one.
 */
export function mergeTargets(
  { members }: DeploymentGroup,
  targetsOf: (member: Member) => readonly RouteTarget[],
): RouteTarget[] {
  const newest = members.at(-1);
  if (!newest) return [];
  const fresh = tagged(newest, targetsOf);
  const older = members.filter((each) => each !== newest);
  const old = older.flatMap((each) => tagged(each, targetsOf)).sort((a, b) => order(a.taskId, b.taskId));
  const healthy = fresh.filter(({ suspect }) => !suspect).length;
  const wanted = older.reduce((sum, { app }) => sum + app.current.spec.instances, 0);
  const drained = Math.max(0, Math.min(healthy, healthy + wanted - targetInstances(newest.app)));
  const relieved = old.map((each, at) => (at < drained ? { ...each, weight: 0 } : each));
  return [...relieved, ...fresh].sort((a, b) => order(a.instanceId, b.instanceId));
}

const targetInstances = (app: App): number =>
  newInstances(app) === undefined
    ? 1
    : (countOf(app.current.spec.labels['HAPROXY_DEPLOYMENT_TARGET_INSTANCES']) ?? 1);

const tagged = (member: Member, targetsOf: (member: Member) => readonly RouteTarget[]): RouteTarget[] =>
  targetsOf(member).map((each) => ({ ...each, appId: member.app.id }));
