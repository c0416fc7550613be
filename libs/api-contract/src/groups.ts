// Groups as Marathon shows them (api.md 4.1): the tree below one group, with the parts that were asked for.
import { parentGroupOf } from '#libs/model';
import type { AppId, Group, GroupId, Timestamp } from '#libs/model';
import { embedsOfGroup, type AppEmbed } from './app-embeds.js';

/** `Shown`: what stands for an app. */
// a type and not an interface, so that it is also a tree of plain JSON
export type GroupInfo<Shown> = {
  readonly id: string;
  readonly apps: readonly Shown[];
  readonly groups: readonly GroupInfo<Shown>[];
  readonly pods: readonly never[];
  readonly dependencies: readonly string[];
  readonly version: string;
  /** Of top-level groups, and only while it is true: marathon-python fails on the member (clients.md). */
  readonly enforceRole?: true;
};

/** Which parts of each group are filled; the others are empty lists. */
export interface GroupEmbeds {
  readonly apps: boolean;
  readonly groups: boolean;
  /** Of the apps inside. */
  readonly ofApps: ReadonlySet<AppEmbed>;
}

/** Without any `embed` everything; with any, exactly what is named. */
export function groupEmbeds(values: readonly string[]): GroupEmbeds {
  const asked = (name: string): boolean => !values.length || values.includes(name);
  return { apps: asked('group.apps'), groups: asked('group.groups'), ofApps: embedsOfGroup(values) };
}

export type ShownGroup = Pick<Group, 'id' | 'dependencies' | 'version' | 'enforceRole'>;

/** All groups and apps of one moment; those elsewhere in the tree are left out. */
export interface GroupContent<App extends { readonly id: AppId }, Shown> {
  readonly groups: Iterable<ShownGroup>;
  readonly apps: Iterable<App>;
  readonly show: (app: App) => Shown;
  /** Of a root that was never written. */
  readonly rootVersion: Timestamp;
}

/** Null when there is no such group; the root is always there. */
export function presentGroup<App extends { readonly id: AppId }, Shown>(
  id: GroupId,
  content: GroupContent<App, Shown>,
  embeds: GroupEmbeds,
): GroupInfo<Shown> | null {
  const groups = new Map([...content.groups].map((group) => [group.id, group]));
  const group = groups.get(id) ?? rootOf(id, content.rootVersion);
  if (!group) return null;
  const apps = embeds.apps ? byParent(content.apps) : new Map<string, App[]>();
  const inner = embeds.groups ? byParent(groups.values()) : new Map<string, ShownGroup[]>();
  const present = ({ id: own, dependencies, version, enforceRole }: ShownGroup): GroupInfo<Shown> => ({
    id: own,
    apps: (apps.get(own) ?? []).map(content.show),
    groups: (inner.get(own) ?? []).map(present),
    pods: [],
    dependencies,
    version,
    ...(enforceRole ? { enforceRole } : {}),
  });
  return present(group);
}

function rootOf(id: GroupId, version: Timestamp): ShownGroup | undefined {
  return id === '/' ? { id, dependencies: [], version, enforceRole: false } : undefined;
}

/** Sorted by id; the root is in no group. */
function byParent<Item extends { readonly id: string }>(items: Iterable<Item>): Map<string, Item[]> {
  const lists = new Map<string, Item[]>();
  for (const item of [...items].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    if (item.id === '/') continue;
    const parent = parentGroupOf(item.id);
    const list = lists.get(parent);
    if (list) list.push(item);
    else lists.set(parent, [item]);
  }
  return lists;
}
