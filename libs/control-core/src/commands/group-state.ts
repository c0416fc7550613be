// The part of a group that a plan changes, and what a group gives to the apps in it.
import { groupsAbove, type AppId, type Group, type GroupId, type GroupState } from '#libs/model';

export const EMPTY_GROUP: GroupState = { dependencies: [], enforceRole: false };

export const stateOf = ({ dependencies, enforceRole }: Group): GroupState => ({ dependencies, enforceRole });

/** The role of an app that names none: its top-level group's name if that group enforces it, else undefined (app.md A9). */
export function defaultRoleOf(id: AppId, groups: ReadonlyMap<GroupId, Group>): string | undefined {
  const top = groupsAbove(id).at(-1);
  return top !== undefined && groups.get(top)?.enforceRole ? top.slice(1) : undefined;
}
