// The trees before and after in a plan's events: groups with their dependencies, cut down to what the plan touches (events.md 6).
import { describe, expect, it } from '@jest/globals';
import { asAppId, asDeploymentId, timestampOf, type Deployment, type GroupState } from '#libs/model';
import { aVersion, anAppSpec } from '#libs/testkit';
import type { EventView } from './event-view.js';
import { planView } from './plan-view.js';

const NOW = timestampOf(5_000);
const state = (...dependencies: string[]): GroupState => ({
  dependencies: dependencies.map(asAppId),
  enforceRole: true,
});
const version = (id: string): ReturnType<typeof aVersion> => aVersion(anAppSpec({ id: asAppId(id) }));

const deployment = (more: Partial<Deployment>): Deployment => ({
  id: asDeploymentId('d'),
  version: NOW,
  status: 'running',
  steps: [],
  currentStep: 0,
  changes: [],
  victims: [],
  startedAt: 0,
  progressAt: 0,
  progressMark: '',
  revision: 1,
  ...more,
});

const VIEW: EventView = {
  now: NOW,
  condition: () => '',
  taskState: () => '',
  healthy: () => null,
  version: () => undefined,
  agent: () => undefined,
  group: (id) => (id === '/shop' ? { dependencies: [asAppId('/base')] } : undefined),
  showApp: ({ spec }) => ({ id: spec.id }),
};

interface Tree {
  readonly id: string;
  readonly apps: readonly { readonly id: string }[];
  readonly groups: readonly Tree[];
  readonly dependencies: readonly string[];
}
/** `id(dependencies): apps`, outermost first. */
const lines = ({ id, apps, groups, dependencies }: Tree): string[] => [
  `${id}(${dependencies.join(' ')}): ${apps.map((each) => each.id).join(' ')}`,
  ...groups.flatMap(lines),
];
function sides(of: Deployment): { before: string[]; after: string[]; members: string[] } {
  const plan = planView(of, VIEW) as unknown as { original: Tree; target: Tree };
  return {
    before: lines(plan.original),
    after: lines(plan.target),
    members: Object.keys(plan.target).sort(),
  };
}

describe('the trees of a plan', () => {
  it('show touched apps, and the groups on the way with the dependencies they have', () => {
    const appId = asAppId('/shop/back/db');
    const { before, after, members } = sides(
      deployment({ changes: [{ appId, before: null, after: version(appId) }] }),
    );
    expect(before).toEqual(['/(): ']);
    expect(after).toEqual(['/(): ', '/shop(/base): ', '/shop/back(): /shop/back/db']);
    expect(members).toEqual(['apps', 'dependencies', 'groups', 'id', 'pods', 'version']);
  });

  it('show groups that come, go and change on their side', () => {
    const groupChanges = [
      { groupId: asAppId('/new'), before: null, after: state('/x') },
      { groupId: asAppId('/old'), before: state('/y'), after: null },
      { groupId: asAppId('/shop'), before: state('/base'), after: state('/base', '/more') },
    ];
    const { before, after } = sides(deployment({ groupChanges }));
    expect(before).toEqual(['/(): ', '/old(/y): ', '/shop(/base): ']);
    expect(after).toEqual(['/(): ', '/new(/x): ', '/shop(/base /more): ']);
  });
});
