// What the tree of groups was at an earlier version. No trees are stored: every deployment keeps what it changed, so an earlier tree
// is the present one with all newer changes taken back; that reaches as far as ended deployments are kept.
import type { AppId, AppVersion, Deployment, Group, GroupId, GroupState, Timestamp } from '#libs/model';
import { DEPLOYMENTS_KEPT, type Store } from '#libs/store';
import type { WorkingSet } from '../working-set.js';
import { EMPTY_GROUP, groupsUpFrom, isBelow, parentGroupOf, stateOf } from './group-ids.js';

/** As many as are kept of an app (api.md 3.11). */
export const GROUP_VERSIONS_MAX = 50;

export interface PastTree {
  readonly apps: ReadonlyMap<AppId, AppVersion>;
  readonly groups: ReadonlyMap<GroupId, GroupState & { readonly version: Timestamp }>;
}

type Change = Pick<Deployment, 'version' | 'changes' | 'groupChanges'>;

export class GroupHistory {
  constructor(private readonly store: Store) {}

  /** Versions at which something at or below the group changed, newest first; none when it does not exist. */
  async versions(id: GroupId, workingSet: WorkingSet): Promise<readonly Timestamp[]> {
    const present = new Present(workingSet);
    const group = present.groups.get(id);
    if (!group) return [];
    const found = versionsIn(await this.#changes(present), id);
    return [...new Set([group.version, ...found])].slice(0, GROUP_VERSIONS_MAX);
  }

  /** Null when no change has that version. `id`: the group asked about, whose own version counts too. */
  async at(version: Timestamp, id: GroupId, workingSet: WorkingSet): Promise<PastTree | null> {
    const present = new Present(workingSet);
    const changes = await this.#changes(present);
    const isKnown =
      changes.some((each) => each.version === version) || present.groups.get(id)?.version === version;
    return isKnown ? treeAt(version, changes, present) : null;
  }

  /** Newest first; only those that `present` contains, whatever happened while the store was read. */
  async #changes(present: Present): Promise<readonly Change[]> {
    const running = new Map<string, Deployment>(present.running.map((each) => [each.id, each]));
    const ended = (await this.store.history(DEPLOYMENTS_KEPT)).filter(
      (each) => each.version < present.next && !running.has(each.id),
    );
    return [...running.values(), ...ended].sort((a, b) => (a.version < b.version ? 1 : -1));
  }
}

/** A copy of what is true at one moment. */
class Present {
  readonly apps: ReadonlyMap<AppId, AppVersion>;
  readonly groups: ReadonlyMap<GroupId, Group>;
  readonly running: readonly Deployment[];
  /** Later changes have this version or a newer one. */
  readonly next: Timestamp;

  constructor(workingSet: WorkingSet) {
    const living = [...workingSet.apps.values()].filter(({ removing }) => !removing);
    this.apps = new Map(living.map((app) => [app.id, app.current]));
    this.groups = new Map(workingSet.groups);
    this.running = [...workingSet.deployments.values()];
    this.next = workingSet.nextVersion(0);
  }
}

function versionsIn(newestFirst: readonly Change[], id: GroupId): Timestamp[] {
  let exists = true;
  return newestFirst.flatMap(({ version, changes, groupChanges = [] }) => {
    const own = groupChanges.find(({ groupId }) => groupId === id);
    if (own && id !== '/') exists = own.after !== null;
    const touches =
      own !== undefined ||
      changes.some(({ appId }) => isBelow(appId, id)) ||
      groupChanges.some(({ groupId }) => isBelow(groupId, id));
    const isOne = exists && touches;
    if (own && id !== '/') exists = own.before !== null;
    return isOne ? [version] : [];
  });
}

function treeAt(version: Timestamp, newestFirst: readonly Change[], present: Present): PastTree {
  const apps = new Map(present.apps);
  const states = new Map<GroupId, GroupState>([...present.groups].map(([id, group]) => [id, stateOf(group)]));
  for (const { changes, groupChanges = [] } of newestFirst.filter((each) => each.version > version)) {
    for (const { appId, before } of changes) put(apps, appId, before);
    for (const { groupId, before } of groupChanges) put(states, groupId, before);
  }
  for (const id of [...apps.keys()].flatMap((app) => groupsUpFrom(parentGroupOf(app)))) {
    if (!states.has(id)) states.set(id, EMPTY_GROUP);
  }
  if (!states.has('/' as GroupId)) states.set('/' as GroupId, EMPTY_GROUP);
  const versions = groupVersionsAt(version, newestFirst, present);
  return {
    apps,
    groups: new Map([...states].map(([id, each]) => [id, { ...each, version: versions.get(id) ?? version }])),
  };
}

function put<Key, Row>(rows: Map<Key, Row>, key: Key, row: Row | null): void {
  if (row) rows.set(key, row);
  else rows.delete(key);
}

/** Of the newest change at or below each group, as far as one is known. */
function groupVersionsAt(
  version: Timestamp,
  newestFirst: readonly Change[],
  present: Present,
): ReadonlyMap<GroupId, Timestamp> {
  const found = new Map<GroupId, Timestamp>();
  for (const [id, group] of present.groups) if (group.version <= version) found.set(id, group.version);
  for (const change of newestFirst.filter((each) => each.version <= version)) {
    const touched = [
      ...change.changes.map(({ appId }) => parentGroupOf(appId)),
      ...(change.groupChanges ?? []).map(({ groupId }) => groupId),
    ];
    for (const id of touched.flatMap(groupsUpFrom)) if (!found.has(id)) found.set(id, change.version);
  }
  return found;
}
