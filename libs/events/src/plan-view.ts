// A deployment as events show it: the plan's steps, and in the full form the root group before and after, cut down to
// what the plan touches (events.md 6). `lightPlan` reduces a stored event at sending time for `plan-format=light`.
import { asAppId, groupsUpFrom, parentGroupOf } from '#libs/model';
import type { AppVersion, Deployment, DeploymentStep, GroupId, GroupState } from '#libs/model';
import type { NewEvent } from './event.js';
import type { EventView } from './event-view.js';

interface GroupTree {
  readonly id: string;
  readonly version: string;
  readonly apps: readonly Readonly<Record<string, unknown>>[];
  readonly groups: readonly GroupTree[];
  readonly pods: readonly never[];
  readonly dependencies: readonly string[];
}

export const stepView = (step: DeploymentStep): { actions: readonly object[] } => ({
  actions: step.actions.map(({ action, app }) => ({ action, app })),
});

export function planView(deployment: Deployment, view: EventView): Readonly<Record<string, unknown>> {
  const side = (which: 'before' | 'after'): GroupTree => new PlanTree(deployment, which, view).group('/');
  return {
    id: deployment.id,
    version: deployment.version,
    original: side('before'),
    target: side('after'),
    steps: deployment.steps.map(stepView),
  };
}

/** The same event with plans reduced to `id`, `version`, `steps`. */
export function lightPlan<E extends NewEvent>(event: E): E {
  const plan = event.payload['plan'];
  if (typeof plan !== 'object' || plan === null) return event;
  const { id, version, steps } = plan as Record<string, unknown>;
  return { ...event, payload: { ...event.payload, plan: { id, version, steps } } };
}

/** One side of a plan: the apps and groups that it touches, and every group on the way to them. */
class PlanTree {
  readonly #apps: ReadonlyMap<string, readonly AppVersion[]>;
  readonly #groups: ReadonlyMap<string, readonly string[]>;
  readonly #states: ReadonlyMap<string, GroupState | null>;

  constructor(
    private readonly deployment: Deployment,
    side: 'before' | 'after',
    private readonly view: EventView,
  ) {
    const apps = deployment.changes.flatMap((change) => change[side] ?? []);
    const changed = deployment.groupChanges ?? [];
    this.#states = new Map(changed.map((change) => [change.groupId, change[side]]));
    const groups = changed.filter((change) => change[side]).map(({ groupId }) => groupId);
    const ids = new Set([...apps.map(({ spec }) => parentGroupOf(spec.id)), ...groups].flatMap(groupsUpFrom));
    ids.delete(asAppId('/')); // in no group
    this.#apps = grouped(apps, ({ spec }) => parentGroupOf(spec.id));
    this.#groups = grouped([...ids].sort(), parentGroupOf);
  }

  group(id: string): GroupTree {
    const state = this.#states.get(id) ?? this.view.group?.(id as GroupId);
    return {
      id,
      version: this.deployment.version,
      apps: (this.#apps.get(id) ?? []).map((each) => this.view.showApp(each)),
      groups: (this.#groups.get(id) ?? []).map((each) => this.group(each)),
      pods: [],
      dependencies: state?.dependencies ?? [],
    };
  }
}

function grouped<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const lists = new Map<string, Item[]>();
  for (const item of items) {
    const list = lists.get(keyOf(item));
    if (list) list.push(item);
    else lists.set(keyOf(item), [item]);
  }
  return lists;
}
