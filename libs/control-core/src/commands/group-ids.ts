// Where an id stands in the tree of groups: what is above it.
import { asAppId, type AppId, type GroupId } from '#libs/model';

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
