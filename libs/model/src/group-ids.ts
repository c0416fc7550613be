// Where an id stands in the tree of groups: what is above it, and what is below a group.
import { asAppId, type AppId } from './ids.js';
import type { GroupId } from './group.js';

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
