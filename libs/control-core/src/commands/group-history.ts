// What the tree of groups was at an earlier version. No trees are stored: every deployment keeps what it changed, so an earlier tree
// is the present one with all newer changes taken back; that reaches as far as ended deployments are kept.
import {
  groupsUpFrom,
  isBelow,
  parentGroupOf,
  type AppId,
  type AppVersion,
  type Deployment,
  type Group,
  type GroupId,
  type GroupState,
  type Timestamp,
} from '#libs/model';
import type { Store } from '#libs/store';
import type { WorkingSet } from '../working-set.js';
import { EMPTY_GROUP, stateOf } from './group-state.js';

/** As many as are kept of an app (api.md 3.11). */
export const GROUP_VERSIONS_MAX = 50;
/** Deployments read at once: one may hold thousands of definitions. */
const PAGE = 25;

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
    const found = new Set([group.version]);
    for await (const change of this.#changes(present)) {
      const isRemoval = change.groupChanges?.some(({ groupId, after }) => groupId === id && !after);
      if (!isRemoval && touches(change, id)) found.add(change.version);
      if (found.size >= GROUP_VERSIONS_MAX) break;
    }
    return [...found];
  }

  /** Null when no change has that version. `id`: the group asked about, whose own version counts too. */
  async at(version: Timestamp, id: GroupId, workingSet: WorkingSet): Promise<PastTree | null> {
    const present = new Present(workingSet);
    const apps = new Map(present.apps);
    const groups = new Map<GroupId, GroupState>([...present.groups].map(([key, row]) => [key, stateOf(row)]));
    let found: Change | undefined;
    for await (const change of this.#changes(present)) {
      if (change.version === version) found = change;
      if (change.version <= version) break;
      for (const { appId, before } of change.changes) put(apps, appId, before);
      for (const { groupId, before } of change.groupChanges ?? []) put(groups, groupId, before);
    }
    if (!found && present.groups.get(id)?.version !== version) return null;
    for (const each of [...apps.keys()].flatMap((app) => groupsUpFrom(parentGroupOf(app)))) {
      if (!groups.has(each)) groups.set(each, EMPTY_GROUP);
    }
    const versions = versionsAt(version, apps, present, found);
    const dated = [...groups].map(([key, state]) => [key, { ...state, version: versions(key) }] as const);
    return { apps, groups: new Map(dated) };
  }

  /** Newest first; only those that `present` contains, whatever happens while the store is read. */
  async *#changes(present: Present): AsyncGenerator<Change, void> {
    const running = [...present.running].sort((a, b) => (a.version < b.version ? 1 : -1));
    const isRunning = new Set(running.map((each) => each.id));
    let before = present.next;
    for (let isMore = true; isMore;) {
      const page = await this.store.endedBefore(before, PAGE);
      for (const ended of page) {
        before = ended.version;
        while (running[0] && running[0].version > before) yield* running.splice(0, 1);
        if (!isRunning.has(ended.id)) yield ended;
      }
      isMore = page.length === PAGE;
    }
    yield* running;
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

function touches({ changes, groupChanges = [] }: Change, id: GroupId): boolean {
  return (
    changes.some(({ appId }) => isBelow(appId, id)) ||
    groupChanges.some(({ groupId }) => groupId === id || isBelow(groupId, id))
  );
}

function put<Key, Row>(rows: Map<Key, Row>, key: Key, row: Row | null): void {
  if (row) rows.set(key, row);
  else rows.delete(key);
}

/**
 * The version that a group had then: its own if it has not changed since, that of the change itself where it touched the group,
 * else that of the newest app below, for the change that it had then is not looked for.
 */
function versionsAt(
  version: Timestamp,
  apps: ReadonlyMap<AppId, AppVersion>,
  present: Present,
  found: Change | undefined,
): (id: GroupId) => Timestamp {
  const newest = new Map<GroupId, Timestamp>();
  for (const [app, current] of apps) {
    for (const id of groupsUpFrom(parentGroupOf(app))) {
      if (current.version > (newest.get(id) ?? '')) newest.set(id, current.version);
    }
  }
  return (id) => {
    const stored = present.groups.get(id)?.version;
    if (stored !== undefined && stored <= version) return stored;
    return found && touches(found, id) ? version : (newest.get(id) ?? version);
  };
}
