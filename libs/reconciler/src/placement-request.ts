// What placement is asked for one instance: the one way to build the question, for the pass that launches and for `longrun explain`,
// so that what is explained is what will be decided.
import type { AgentId, App, AppVersion, Instance } from '#libs/model';
import type { PlacementRequest } from '#libs/placement';
import { isOutdated } from './classify.js';
import { confirmedTable } from './confirmation.js';
import type { ClusterSnapshot } from './snapshot.js';

/** One app at one moment; a draft of a pass is one. */
export interface PlacementView {
  readonly app: App;
  readonly instances: readonly Instance[];
  versionOf(instance: Instance): AppVersion;
  readonly snapshot: Pick<ClusterSnapshot, 'proxies'>;
  /** Control plane's clock. */
  readonly now: number;
}

export function placementRequest(view: PlacementView, instance: Instance): PlacementRequest {
  const { spec } = view.versionOf(instance);
  return {
    appId: view.app.id,
    spec,
    ...(instance.agentId === undefined ? {} : { preferredAgent: instance.agentId }),
    peers: spec.constraints.length ? peersOf(view, instance) : [],
    total: spec.instances,
    confirmedTable: confirmedTable(view.snapshot),
    now: view.now,
  };
}

/** Placed, not lost, and of the same side of a replacement: old and new ones do not stand in each other's way (behaviour.md 11.1). */
function peersOf({ app, instances }: PlacementView, instance: Instance): readonly AgentId[] {
  const isOld = isOutdated(instance, app);
  return instances
    .filter((each) => each.placed && each.unreachableSince === undefined && isOutdated(each, app) === isOld)
    .sort((a, b) => (a.placedAt ?? 0) - (b.placedAt ?? 0))
    .flatMap((each): readonly AgentId[] => (each.agentId === undefined ? [] : [each.agentId]));
}
