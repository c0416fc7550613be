// Where an id stands in the tree of groups: what is above it; and the part of a group that a plan changes.
import { asAppId, type AppId, type Group, type GroupId, type GroupState } from '#libs/model';

/** `/shop/web` -> `/shop`, `/web` -> `/`; the root is its own parent. */
export const parentGroupOf = (id: string): GroupId => asAppId(id.slice(0, Math.max(1, id.lastIndexOf('/'))));

/** Every group that holds this app: `/a/b/c` -> `/a/b`, `/a`. The root is none of them. */
export function groupsAbove(id: AppId): GroupId[] {
  const parent = parentGroupOf(id);
  return parent === '/' ? [] : [parent, ...groupsAbove(parent)];
}

/** This group and all above it, the root last: `/a/b` -> `/a/b`, `/a`, `/`. */
export const groupsUpFrom = (id: GroupId): GroupId[] =>
  id === '/' ? [id] : [id, ...groupsUpFrom(parentGroupOf(id))];

/** Is this app or group below the group, at any depth? */
export const isBelow = (id: string, group: GroupId): boolean =>
  group === '/' ? id !== '/' : id.startsWith(`${group}/`);

export const EMPTY_GROUP: GroupState = { dependencies: [], enforceRole: false };

export const stateOf = ({ dependencies, enforceRole }: Group): GroupState => ({ dependencies, enforceRole });

/** The role of an app that names none: its top-level group's name if that group enforces it, else undefined (app.md A9). */
export function defaultRoleOf(id: AppId, groups: ReadonlyMap<GroupId, Group>): string | undefined {
  const top = groupsAbove(id).at(-1);
  return top !== undefined && groups.get(top)?.enforceRole ? top.slice(1) : undefined;
}
