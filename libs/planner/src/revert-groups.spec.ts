// Taking back what a deployment did to groups, after others have changed them too (behaviour.md 6).
import { describe, expect, test } from '@jest/globals';
import {
  asAppId,
  timestampOf,
  type AppChange,
  type Group,
  type GroupChange,
  type GroupState,
} from '#libs/model';
import { aVersion, anAppSpec } from '#libs/testkit';
import { revertGroups } from './revert-groups.js';

const [OWN, LATER] = [timestampOf(1_000), timestampOf(2_000)];
const state = (...dependencies: string[]): GroupState => ({
  dependencies: dependencies.map(asAppId),
  enforceRole: false,
});
const change = (id: string, before: GroupState | null, after: GroupState | null): GroupChange => ({
  groupId: asAppId(id),
  before,
  after,
});
const group = (id: string, more: Partial<Group> = {}): Group => ({
  id: asAppId(id),
  ...state(),
  version: OWN,
  revision: 1,
  ...more,
});

function revert(
  groupChanges: readonly GroupChange[],
  groups: readonly Group[],
  apps: readonly string[] = [],
  appChanges: readonly AppChange[] = [],
): readonly GroupChange[] {
  const stored = {
    apps: new Map(apps.map((id) => [asAppId(id), { removing: false }])),
    groups: new Map(groups.map((each) => [each.id, each])),
  };
  return revertGroups({ version: OWN, groupChanges }, appChanges, stored);
}

describe('a group that was added', () => {
  const added = [change('/a', null, state()), change('/a/b', null, state())];

  test('goes with those below it, the deepest first', () => {
    const back = revert(added, [group('/'), group('/a'), group('/a/b')]);
    expect(back.map(({ groupId, after }) => [groupId, after])).toEqual([
      ['/a/b', null],
      ['/a', null],
    ]);
  });
  test('goes when its only app is taken back', () => {
    const appId = asAppId('/a/b/web');
    const gone = { appId, before: aVersion(anAppSpec({ id: appId })), after: null };
    expect(revert(added, [group('/a'), group('/a/b')], [appId], [gone])).toHaveLength(2);
  });
  test('stays with an app of others in it, and so do those above', () => {
    expect(revert(added, [group('/a'), group('/a/b')], ['/a/b/theirs'])).toEqual([]);
  });
  test('stays when it was changed since, or is gone', () => {
    expect(revert(added.slice(1), [group('/a/b', { version: LATER })])).toEqual([]);
    expect(revert(added.slice(1), [group('/a/b', state('/x'))])).toEqual([]);
    expect(revert(added, [])).toEqual([]);
  });
  test('is never the root', () => {
    expect(revert([change('/', null, state())], [group('/')])).toEqual([]);
  });
});

describe('a group that was removed', () => {
  const removed = [change('/a', state('/x'), null)];

  test('comes again as it was', () => {
    expect(revert(removed, [])).toEqual([change('/a', null, state('/x'))]);
  });
  test('is left to whoever made it again', () => {
    expect(revert(removed, [group('/a', { version: LATER })])).toEqual([]);
  });
});

describe('dependencies', () => {
  const changed = [change('/a', state('/kept', '/removed'), state('/kept', '/added'))];

  test('are reversed one by one, later ones of others survive', () => {
    const now = group('/a', { ...state('/kept', '/added', '/theirs'), version: LATER });
    expect(revert(changed, [now])[0]?.after).toEqual(state('/kept', '/theirs', '/removed'));
  });
  test('that others took back already need nothing', () => {
    expect(revert(changed, [group('/a', state('/kept', '/removed'))])).toEqual([]);
  });
  test('the role rule goes back unless somebody changed it again', () => {
    const ruled = { ...state(), enforceRole: true };
    const [back] = revert([change('/a', state(), ruled)], [group('/a', ruled)]);
    expect(back?.after).toEqual(state());
    expect(revert([change('/a', ruled, state())], [group('/a', ruled)])).toEqual([]);
  });
});
