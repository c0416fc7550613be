// The rows of groups that follow from a change: groups that come or go, groups above new apps, and the version of every group at or
// above something that changed (behaviour.md 1, step 3). Every change of apps or groups passes here, so a group row is never stale.
import {
  groupsUpFrom,
  parentGroupOf,
  type AppChange,
  type Group,
  type GroupChange,
  type GroupId,
  type Timestamp,
} from '#libs/model';
import type { Write } from '#libs/store';
import type { WorkingSet } from '../working-set.js';
import { EMPTY_GROUP, stateOf } from './group-state.js';

export interface GroupWrites {
  readonly writes: readonly Write[];
  /** As asked, and the groups that had to be made for what is below them. */
  readonly changes: readonly GroupChange[];
}

export function groupWrites(
  appChanges: readonly AppChange[],
  asked: readonly GroupChange[],
  workingSet: Pick<WorkingSet, 'groups'>,
  version: Timestamp,
): GroupWrites {
  const changes = new Map<GroupId, GroupChange>(asked.map((each) => [each.groupId, each]));
  const touched = new Set<GroupId>();
  const needed = new Set<GroupId>();
  for (const { appId, after } of appChanges) {
    for (const id of groupsUpFrom(parentGroupOf(appId))) {
      touched.add(id);
      if (after) needed.add(id);
    }
  }
  for (const { groupId, after } of asked) {
    for (const id of groupsUpFrom(groupId)) {
      touched.add(id);
      if (after) needed.add(id);
    }
  }
  for (const groupId of needed) {
    const isThere = workingSet.groups.has(groupId) && changes.get(groupId)?.after !== null;
    if (isThere || changes.get(groupId)?.after) continue;
    const before = workingSet.groups.get(groupId);
    changes.set(groupId, { groupId, before: before ? stateOf(before) : null, after: EMPTY_GROUP });
  }
  const writes: Write[] = [];
  for (const id of touched) {
    const row = workingSet.groups.get(id);
    const change = changes.get(id);
    if (change && !change.after) {
      if (row) writes.push({ kind: 'remove-group', id });
      continue;
    }
    const state = change?.after ?? (row ? stateOf(row) : null);
    if (!state) continue;
    const group: Group = { id, ...state, version, revision: (row?.revision ?? 0) + 1 };
    writes.push({ kind: 'put-group', group });
  }
  return { writes, changes: [...changes.values()] };
}
