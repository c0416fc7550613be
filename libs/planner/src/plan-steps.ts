// The ordered plan of a deployment (behaviour.md 2): removals, then the 0-instance starts that clients count, then one step
// per dependency layer. Dependencies order a plan; they restart nothing.
import { groupsUpFrom, parentGroupOf } from '#libs/model';
import type { AppChange, AppId, AppSpec, DeploymentAction, DeploymentStep, Group } from '#libs/model';

export type PlannedSteps =
  | { readonly kind: 'steps'; readonly steps: readonly DeploymentStep[] }
  /** The apps of one dependency cycle, in order: a 422. */
  | { readonly kind: 'cycle'; readonly cycle: readonly AppId[] };

/** What an app depends on by a group above it. */
export type GroupDependencies = Pick<Group, 'id' | 'dependencies'>;

/** Every app and group as it is wanted afterwards; dependencies are read from these only. */
export interface Wanted {
  readonly specs: readonly AppSpec[];
  readonly groups: readonly GroupDependencies[];
}

/**
 * `replacing`: apps whose instances a deployment that this one takes the place of was replacing; a change of their number alone goes
 * on with that, or the old instances would stay for good and new ones be stopped instead.
 */
export function planSteps(
  changes: readonly AppChange[],
  wanted: Wanted,
  replacing: ReadonlySet<AppId> = new Set(),
): PlannedSteps {
  const layers = dependencyLayers(wanted);
  if (layers.kind === 'cycle') return layers;
  const stops = changes
    .filter((each) => each.before && !each.after)
    .map((each) => action('StopApplication', each));
  const starts = changes
    .filter((each) => !each.before && each.after)
    .map((each) => action('StartApplication', each));
  const byLayer = new Map<number, DeploymentAction[]>();
  for (const change of changes) {
    const layerAction = actionInLayer(change, replacing.has(change.appId));
    if (!layerAction) continue;
    const layer = layers.layerOf.get(change.appId) ?? 1;
    const actions = byLayer.get(layer);
    if (actions) actions.push(layerAction);
    else byLayer.set(layer, [layerAction]);
  }
  const layered = [...byLayer.entries()].sort(([a], [b]) => a - b).map(([, actions]) => actions);
  const steps = [stops, starts, ...layered].filter((actions) => actions.length > 0);
  return { kind: 'steps', steps: steps.map((actions) => ({ actions })) };
}

const action = (kind: DeploymentAction['action'], { appId }: AppChange): DeploymentAction => ({
  action: kind,
  app: appId,
});

function actionInLayer(change: AppChange, isReplacing: boolean): DeploymentAction | null {
  const { before, after } = change;
  if (!after) return null;
  if (!before) return action('ScaleApplication', change);
  const isConfigChange = before.lastConfigChangeAt !== after.lastConfigChangeAt;
  if ((isConfigChange || isReplacing) && after.spec.instances > 0)
    return action('RestartApplication', change);
  return before.version !== after.version ? action('ScaleApplication', change) : null;
}

type Layers =
  | { readonly kind: 'layers'; readonly layerOf: ReadonlyMap<AppId, number> }
  | { readonly kind: 'cycle'; readonly cycle: readonly AppId[] };

/** Layer = number of apps on the longest dependency chain down from the app, itself included. */
function dependencyLayers({ specs, groups }: Wanted): Layers {
  const layerOf = new Map<AppId, number>();
  const path: AppId[] = [];
  const graph: Graph = {
    specs,
    byId: new Map(specs.map((each) => [each.id, each])),
    byGroup: new Map(groups.filter((each) => each.dependencies.length).map((each) => [each.id, each])),
    members: new Map(),
  };
  const visit = (spec: AppSpec): readonly AppId[] | null => {
    if (layerOf.has(spec.id)) return null;
    if (path.includes(spec.id)) return path.slice(path.indexOf(spec.id));
    path.push(spec.id);
    let layer = 1;
    for (const dependency of dependenciesOf(spec, graph)) {
      const cycle = visit(dependency);
      if (cycle) return cycle;
      layer = Math.max(layer, 1 + (layerOf.get(dependency.id) ?? 0));
    }
    path.pop();
    layerOf.set(spec.id, layer);
    return null;
  };
  for (const spec of specs) {
    const cycle = visit(spec);
    if (cycle) return { kind: 'cycle', cycle };
  }
  return { kind: 'layers', layerOf };
}

interface Graph {
  readonly specs: readonly AppSpec[];
  readonly byId: ReadonlyMap<AppId, AppSpec>;
  /** Those with dependencies. */
  readonly byGroup: ReadonlyMap<AppId, GroupDependencies>;
  /** Apps below each group that something depends on, as far as they were asked for: many apps name the same few groups. */
  readonly members: Map<AppId, readonly AppSpec[]>;
}

/**
 * A dependency names an app, or a group and with it every app below; it is the app's own, or that of a group above it. A group that
 * an app is in does not mean the app itself.
 */
function dependenciesOf(spec: AppSpec, graph: Graph): readonly AppSpec[] {
  const { byId, byGroup } = graph;
  const inherited = byGroup.size
    ? groupsUpFrom(parentGroupOf(spec.id)).flatMap((id) => byGroup.get(id)?.dependencies ?? [])
    : [];
  return [...spec.dependencies, ...inherited].flatMap((name) => {
    const app = byId.get(name);
    if (app) return app.id === spec.id ? [] : [app];
    return membersOf(name, graph).filter((each) => each.id !== spec.id);
  });
}

function membersOf(group: AppId, { specs, members }: Graph): readonly AppSpec[] {
  const known = members.get(group);
  if (known) return known;
  const prefix = group.endsWith('/') ? group : `${group}/`;
  const found = specs.filter((each) => each.id.startsWith(prefix));
  members.set(group, found);
  return found;
}
