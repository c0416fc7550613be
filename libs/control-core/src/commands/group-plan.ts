// What a group update comes to on what is stored: definitions that are wanted, apps that go, and groups that come, change or go
// (api.md 4.2). Nothing is written here.
import { failures } from '#libs/api-contract';
import {
  isBelow,
  parentGroupOf,
  LIMITS,
  type AppId,
  type AppSpec,
  type GroupChange,
  type GroupId,
  type GroupShape,
} from '#libs/model';
import { shareRoundedUp } from '#libs/planner';
import type { WorkingSet } from '../working-set.js';
import { livingApp, type Target } from './app-targets.js';
import type { PastTree } from './group-history.js';
import { EMPTY_GROUP, stateOf } from './group-state.js';

export interface GroupPlan {
  readonly targets: readonly Target[];
  readonly removed: readonly AppId[];
  readonly groups: readonly GroupChange[];
  /** Groups whose role rule the request changes, with the member that asks for it. */
  readonly roleChanges: readonly { readonly id: GroupId; readonly path: string }[];
}

/** Absent members keep what is stored; present lists replace it. */
export function planOfShape(shape: GroupShape, workingSet: WorkingSet): GroupPlan {
  const children = new Children(workingSet);
  const targets: Target[] = [];
  const removed: AppId[] = [];
  const groups: GroupChange[] = [];
  const roleChanges: { id: GroupId; path: string }[] = [];
  const visit = ({ id, path, apps, groups: inner, dependencies, enforceRole }: GroupShape): void => {
    const stored = workingSet.groups.get(id);
    const before = stored ? stateOf(stored) : null;
    const after = { ...(before ?? EMPTY_GROUP), ...defined({ dependencies, enforceRole }) };
    if (!before || JSON.stringify(before) !== JSON.stringify(after))
      groups.push({ groupId: id, before, after });
    if (before && before.enforceRole !== after.enforceRole)
      roleChanges.push({ id, path: `${path}/enforceRole` });
    for (const spec of apps ?? []) targets.push({ spec, stored: livingApp(workingSet, spec.id) });
    if (apps) {
      const kept = new Set(apps.map((each) => each.id));
      removed.push(...children.apps(id).filter((each) => !kept.has(each)));
    }
    if (!inner) return;
    const kept = new Set(inner.map((each) => each.id));
    for (const gone of children.groups(id).filter((each) => !kept.has(each))) {
      const content = contentOf(gone, workingSet);
      removed.push(...content.apps);
      groups.push(...content.groups);
    }
    inner.forEach(visit);
  };
  visit(shape);
  return { targets, removed, groups, roleChanges };
}

function defined<T extends object>(members: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

/** The group, everything below it, and the end of all of it. The root stays, empty. */
export function contentOf(
  id: GroupId,
  workingSet: WorkingSet,
): { readonly apps: readonly AppId[]; readonly groups: readonly GroupChange[] } {
  const apps = appsBelow(id, workingSet).map((spec) => spec.id);
  const groups = [...workingSet.groups.values()].flatMap((group): GroupChange[] => {
    if (group.id !== id && !isBelow(group.id, id)) return [];
    const before = stateOf(group);
    if (group.id !== '/') return [{ groupId: group.id, before, after: null }];
    return before.dependencies.length ? [{ groupId: group.id, before, after: EMPTY_GROUP }] : [];
  });
  return { apps, groups };
}

/** Every app below gets `ceil(instances * by)`. */
export function targetsScaled(id: GroupId, by: number, workingSet: WorkingSet): readonly Target[] {
  return appsBelow(id, workingSet).map((spec) => {
    const instances = shareRoundedUp(spec.instances, by);
    if (instances > LIMITS.instances) {
      const text = `gives ${spec.id} more than ${LIMITS.instances} instances: use a smaller factor`;
      throw failures.ruleViolation('/scaleBy', text);
    }
    return { spec: { ...spec, instances }, stored: livingApp(workingSet, spec.id) };
  });
}

/** Definitions of all apps below the group. */
export function appsBelow(id: GroupId, workingSet: WorkingSet): readonly AppSpec[] {
  return [...workingSet.apps.values()]
    .filter((app) => !app.removing && isBelow(app.id, id))
    .map((app) => app.current.spec);
}

/** What stands directly in each group, found once per call. */
class Children {
  readonly #apps = new Map<GroupId, AppId[]>();
  readonly #groups = new Map<GroupId, GroupId[]>();

  constructor(workingSet: WorkingSet) {
    for (const app of workingSet.apps.values()) if (!app.removing) add(this.#apps, app.id);
    for (const id of workingSet.groups.keys()) if (id !== '/') add(this.#groups, id);
  }

  apps(group: GroupId): readonly AppId[] {
    return this.#apps.get(group) ?? [];
  }
  groups(group: GroupId): readonly GroupId[] {
    return this.#groups.get(group) ?? [];
  }
}

function add(lists: Map<GroupId, AppId[]>, id: AppId): void {
  const parent = parentGroupOf(id);
  const list = lists.get(parent);
  if (list) list.push(id);
  else lists.set(parent, [id]);
}

/** The group with all below it as it was; whether it gives roles stays as it is. */
export function planOfPast(id: GroupId, past: PastTree, workingSet: WorkingSet): GroupPlan {
  const isIn = (each: AppId): boolean => each === id || isBelow(each, id);
  const wanted = [...past.apps].filter(([app]) => isBelow(app, id)).map(([, version]) => version.spec);
  const groups = [...past.groups].flatMap(([groupId, { dependencies, enforceRole }]): GroupChange[] => {
    if (!isIn(groupId)) return [];
    const stored = workingSet.groups.get(groupId);
    const before = stored ? stateOf(stored) : null;
    const after = { dependencies, enforceRole: before?.enforceRole ?? enforceRole };
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ groupId, before, after }];
  });
  const gone = [...workingSet.groups.values()]
    .filter((group) => isIn(group.id) && !past.groups.has(group.id))
    .map((group): GroupChange => ({ groupId: group.id, before: stateOf(group), after: null }));
  return {
    targets: wanted.map((spec) => ({ spec, stored: livingApp(workingSet, spec.id) })),
    removed: appsBelow(id, workingSet)
      .map((spec) => spec.id)
      .filter((app) => !past.apps.has(app)),
    groups: [...groups, ...gone],
    roleChanges: [],
  };
}
