// A deployment as events show it: the plan's steps, and in the full form the root group before and after, cut down to
// what the plan touches (events.md 6). `lightPlan` reduces a stored event at sending time for `plan-format=light`.
import type { AppId, AppVersion, Deployment, DeploymentStep } from '#libs/model';
import type { NewEvent } from './event.js';
import type { EventView } from './event-view.js';

interface GroupTree {
  readonly id: string;
  readonly version: string;
  readonly apps: readonly Readonly<Record<string, unknown>>[];
  readonly groups: readonly GroupTree[];
  readonly pods: readonly never[];
  readonly dependencies: readonly never[];
}

export const stepView = (step: DeploymentStep): { actions: readonly object[] } => ({
  actions: step.actions.map(({ action, app }) => ({ action, app })),
});

export function planView(deployment: Deployment, view: EventView): Readonly<Record<string, unknown>> {
  const side = (which: 'before' | 'after'): GroupTree =>
    tree(
      '/',
      deployment.changes.flatMap((change) => change[which] ?? []),
      deployment.version,
      view,
    );
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

const parentOf = (id: string): string => id.slice(0, Math.max(1, id.lastIndexOf('/')));

/** `/` with every group on the way to the given apps. */
function tree(id: string, apps: readonly AppVersion[], version: string, view: EventView): GroupTree {
  const prefix = id === '/' ? '/' : `${id}/`;
  const below = apps.filter(({ spec }) => spec.id.startsWith(prefix));
  const names = new Set(
    below
      .filter(({ spec }) => parentOf(spec.id) !== id)
      .map(({ spec }: { spec: { id: AppId } }) => spec.id.slice(prefix.length).split('/')[0] ?? ''),
  );
  return {
    id,
    version,
    apps: below.filter(({ spec }) => parentOf(spec.id) === id).map((each) => view.showApp(each)),
    groups: [...names].sort().map((name) => tree(prefix + name, below, version, view)),
    pods: [],
    dependencies: [],
  };
}
