// The groups of a deployment that is taken back (behaviour.md 6): what others did to them since then stays.
import type { App, AppChange, AppId, Deployment, Group, GroupChange, GroupId, GroupState } from '#libs/model';

/** What is stored now. */
export interface StoredTree {
  readonly apps: ReadonlyMap<AppId, Pick<App, 'removing'>>;
  readonly groups: ReadonlyMap<GroupId, Group>;
}

/**
 * A group it added goes if it is empty then and nobody changed it since; one it removed comes again; dependencies that it added or
 * removed are taken back one by one. `apps`: how its apps are taken back (`revertChanges`).
 */
export function revertGroups(
  deployment: Pick<Deployment, 'version' | 'groupChanges'>,
  apps: readonly AppChange[],
  stored: StoredTree,
): readonly GroupChange[] {
  const remaining = idsAfter(apps, stored);
  const deepestFirst = [...(deployment.groupChanges ?? [])].sort(
    (a, b) => b.groupId.length - a.groupId.length,
  );
  return deepestFirst.flatMap(({ groupId, before, after }): GroupChange[] => {
    const now = stored.groups.get(groupId);
    if (!now) return before && !after ? [{ groupId, before: null, after: before }] : [];
    const state: GroupState = { dependencies: now.dependencies, enforceRole: now.enforceRole };
    if (before && after) {
      const wanted = withoutChange(state, before, after);
      return isSame(state, wanted) ? [] : [{ groupId, before: state, after: wanted }];
    }
    const isUnchanged = after && now.version === deployment.version && isSame(state, after);
    const isEmpty = ![...remaining].some((id) => id.startsWith(`${groupId}/`));
    if (!isUnchanged || !isEmpty || groupId === '/') return [];
    remaining.delete(groupId);
    return [{ groupId, before: state, after: null }];
  });
}

/** Apps and groups that are there once the apps are taken back. */
function idsAfter(changes: readonly AppChange[], { apps, groups }: StoredTree): Set<AppId> {
  const ids = new Set<AppId>(groups.keys());
  for (const [id, { removing }] of apps) if (!removing) ids.add(id);
  for (const { appId, after } of changes) {
    if (after) ids.add(appId);
    else if (!groups.has(appId)) ids.delete(appId);
  }
  return ids;
}

function withoutChange(now: GroupState, before: GroupState, after: GroupState): GroupState {
  const added = after.dependencies.filter((each) => !before.dependencies.includes(each));
  const removed = before.dependencies.filter((each) => !after.dependencies.includes(each));
  const kept = now.dependencies.filter((each) => !added.includes(each));
  const returning = removed.filter((each) => !kept.includes(each));
  const enforceRole = now.enforceRole === after.enforceRole ? before.enforceRole : now.enforceRole;
  return { dependencies: [...kept, ...returning], enforceRole };
}

const isSame = (a: GroupState, b: GroupState): boolean =>
  a.enforceRole === b.enforceRole && a.dependencies.join(' ') === b.dependencies.join(' ');
