// One name space for apps and groups (behaviour.md 1, step 4; app.md A11): an id is an app or a group, nothing stands below an app,
// and an app takes the place of an empty group. Looked at for what a change adds, so that its cost does not grow with the cluster.
import { failures } from '#libs/api-contract';
import {
  groupsAbove,
  type App,
  type AppChange,
  type AppId,
  type GroupChange,
  type GroupId,
} from '#libs/model';
import type { WorkingSet } from '../working-set.js';
import { stateOf } from './group-state.js';

type Tree = Pick<WorkingSet, 'apps' | 'groups'>;

/** Throws a 422 at `/`; gives the changes of groups, and those of empty groups that new apps replace. */
export function checkedGroupChanges(
  appChanges: readonly AppChange[],
  groupChanges: readonly GroupChange[],
  stored: Tree,
): readonly GroupChange[] {
  const after = new TreeAfter(appChanges, groupChanges, stored);
  const replaced: GroupChange[] = [];
  for (const { appId, before, after: wanted } of appChanges) {
    if (!wanted || before) continue;
    const holder = groupsAbove(appId).find((group) => after.isApp(group));
    if (holder !== undefined) refuse(`${holder} is an app and cannot hold ${appId}`);
    const held = after.memberOf(appId);
    if (held) refuse(`${appId} is a group, for it holds the ${held.kind} ${held.id}`);
    if (after.isAsked(appId)) refuse(`${appId} is named as an app and as a group`);
    const empty = stored.groups.get(appId);
    if (empty && !after.isRemoved(appId)) {
      replaced.push({ groupId: appId, before: stateOf(empty), after: null });
    }
  }
  for (const { groupId, before, after: wanted } of groupChanges) {
    if (!wanted || before) continue;
    const holder = [groupId, ...groupsAbove(groupId)].find((id) => after.isApp(id));
    if (holder === groupId) refuse(`${holder} is an app and cannot be a group`);
    if (holder !== undefined) refuse(`${holder} is an app and cannot hold ${groupId}`);
  }
  return [...groupChanges, ...replaced];
}

function refuse(text: string): never {
  throw failures.ruleViolation('/', `${text}: choose another id`);
}

/** Which ids are apps and which are groups once the changes are carried out. */
class TreeAfter {
  readonly #apps: ReadonlyMap<AppId, AppChange>;
  readonly #groups: ReadonlyMap<GroupId, GroupChange>;
  /** Groups that must exist for what is added below them, with one such thing. */
  readonly #needed = new Map<GroupId, Member>();

  constructor(
    apps: readonly AppChange[],
    groups: readonly GroupChange[],
    private readonly stored: Tree,
  ) {
    this.#apps = new Map(apps.map((each) => [each.appId, each]));
    this.#groups = new Map(groups.map((each) => [each.groupId, each]));
    const added: Member[] = [
      ...apps.filter(({ after }) => after).map(({ appId }) => ({ kind: 'app', id: appId }) as const),
      ...groups.filter(({ after }) => after).map(({ groupId }) => ({ kind: 'group', id: groupId }) as const),
    ];
    for (const member of added) for (const id of groupsAbove(member.id)) this.#needed.set(id, member);
  }

  isApp(id: AppId): boolean {
    const change = this.#apps.get(id);
    return change ? change.after !== null : isLiving(this.stored.apps.get(id));
  }
  isAsked(group: GroupId): boolean {
    return (this.#groups.get(group)?.after ?? null) !== null;
  }
  isRemoved(group: GroupId): boolean {
    return this.#groups.get(group)?.after === null;
  }

  /** Something in the group of this id, if there is such a group and it is not empty. */
  memberOf(group: GroupId): Member | undefined {
    const needed = this.#needed.get(group);
    if (needed || !this.stored.groups.has(group)) return needed;
    const prefix = `${group}/`;
    for (const id of this.stored.apps.keys()) {
      if (id.startsWith(prefix) && this.isApp(id)) return { kind: 'app', id };
    }
    for (const id of this.stored.groups.keys()) {
      if (id.startsWith(prefix) && !this.isRemoved(id)) return { kind: 'group', id };
    }
    return undefined;
  }
}

interface Member {
  readonly kind: 'app' | 'group';
  readonly id: AppId;
}

const isLiving = (app: App | undefined): boolean => app !== undefined && !app.removing;
