// What placement is asked for one instance: the one way to build the question, for the pass that launches and for `longrun explain`,
// so that what is explained is what will be decided.
import type { AgentId, App, AppVersion, Instance } from '#libs/model';
import { peersOn } from '#libs/placement';
import type { Peers, PlacementRequest } from '#libs/placement';
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

/** `peers`: as they are known already, of a pass that places many. */
export function placementRequest(
  view: PlacementView,
  instance: Instance,
  peers?: PeersOfPass,
): PlacementRequest {
  const { spec } = view.versionOf(instance);
  return {
    appId: view.app.id,
    spec,
    ...(instance.agentId === undefined ? {} : { preferredAgent: instance.agentId }),
    peers: spec.constraints.length ? (peers ?? new PeersOfPass()).of(view, instance) : NONE,
    total: spec.instances,
    confirmedTable: confirmedTable(view.snapshot),
    now: view.now,
  };
}

const NONE: Peers = new Map();

/**
 * The peers of one app while one instance after the other is placed, and nothing else changes: looked for once for each side of a
 * replacement, then kept up to date. Looking for them anew for each of thousands would be quadratic.
 */
export class PeersOfPass {
  readonly #sides = new Map<boolean, Map<AgentId, number>>();

  of(view: PlacementView, instance: Instance): Peers {
    const isOld = isOutdated(instance, view.app);
    const known = this.#sides.get(isOld) ?? peersOn(agentsOfSide(view, isOld));
    this.#sides.set(isOld, known);
    return known;
  }
  /** It is the youngest now. */
  placed(app: App, instance: Instance, agent: AgentId): void {
    const side = this.#sides.get(isOutdated(instance, app));
    side?.set(agent, (side.get(agent) ?? 0) + 1);
  }
}

/** Placed, not lost, and of the same side of a replacement: old and new ones do not stand in each other's way (behaviour.md 11.1). */
function agentsOfSide({ app, instances }: PlacementView, isOld: boolean): readonly AgentId[] {
  return instances
    .filter((each) => each.placed && each.unreachableSince === undefined && isOutdated(each, app) === isOld)
    .sort((a, b) => (a.placedAt ?? 0) - (b.placedAt ?? 0))
    .flatMap((each): readonly AgentId[] => (each.agentId === undefined ? [] : [each.agentId]));
}
