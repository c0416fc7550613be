// The promises, checked once more on the finished draft of an app, independently of the rules that made it. A violation is a bug:
// the app's decisions are dropped and reported, the others go on (decisions.md 3).
import { hasRoutablePorts, isAwaitingReadiness } from '#libs/lifecycle';
import { counted, heldPorts } from '#libs/model';
import { shareRoundedDown } from '#libs/planner';
import type { Instance, InstanceId } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import type { AppWork } from './app-work.js';
import { isAvailable } from './classify.js';
import { isConfirmedOut } from './confirmation.js';
import { floorOf } from './gatekeeper.js';
import type { Violation } from './decision.js';

interface Invariant {
  readonly rule: string;
  /** Null: it holds. */
  readonly broken: (draft: AppDraft, work: AppWork, pass: PassRows) => string | null;
}

/** What the pass has decided so far, over all apps. */
export interface PassRows {
  /** `agent:port` of every port given out in this pass. */
  readonly claims: Map<string, InstanceId>;
  /** The row of an instance of another app as this pass leaves it. */
  rowOf(id: InstanceId): Instance | undefined;
}

const INVARIANTS: readonly Invariant[] = [
  { rule: 'floor', broken: floorBroken },
  { rule: 'capacity', broken: capacityBroken },
  { rule: 'one-owner-per-port', broken: portBroken },
  { rule: 'no-kill-before-confirmation', broken: killBroken },
  { rule: 'no-route-before-ready', broken: routeBroken },
  { rule: 'incarnations-only-grow', broken: incarnationBroken },
];

/** The first broken invariant, or null. Adds the draft's new ports to the claims of the pass when it is sound. */
export function checkInvariants(draft: AppDraft, work: AppWork, pass: PassRows): Violation | null {
  for (const { rule, broken } of INVARIANTS) {
    const text = broken(draft, work, pass);
    if (text !== null) return { rule, appId: draft.id, text, decisions: draft.decisions };
  }
  for (const each of newlyPlaced(draft)) for (const key of portKeys(each)) pass.claims.set(key, each.id);
  return null;
}

/** Stops of our own choice leave enough healthy and routed instances. */
function floorBroken(draft: AppDraft): string | null {
  const chosen = draft.decisions.filter(
    ({ kind, cause }) => kind === 'request-stop' && (cause.kind === 'deployment' || cause.kind === 'surplus'),
  );
  if (!chosen.length) return null;
  const { snapshot } = draft.context;
  const { known: _, ...now } = draft.situation();
  const before = { ...now, instances: snapshot.instancesOf(draft.id) };
  const stoppedAvailable = chosen.filter(({ instanceId }) => {
    const stored = instanceId === undefined ? undefined : snapshot.instance(instanceId);
    // one that was never routed counts as healthy by running alone, and may lose that to a predecessor's first answer
    const isRouted = stored?.routing === 'in' || !stored || !hasRoutablePorts(draft.versionOf(stored).spec);
    return stored && isRouted && isAvailable(stored, before);
  });
  const situation = draft.situation();
  const available = situation.instances.filter((each) => isAvailable(each, situation)).length;
  const floor = floorOf(draft.app);
  if (!stoppedAvailable.length || available >= floor) return null;
  return `${counted(available, 'healthy and routed instance')} would be left, the floor is ${floor}`;
}

function capacityBroken(draft: AppDraft, work: AppWork): string | null {
  if (work.kind !== 'replace' || !draft.decisions.some((each) => each.kind === 'create-instance'))
    return null;
  const { instances: n, upgradeStrategy } = draft.app.current.spec;
  // the one extra of behaviour.md 5 is allowed on top
  const limit = n + shareRoundedDown(n, upgradeStrategy.maximumOverCapacity) + 1;
  const existing = draft.instances.filter((each) => each.unreachableSince === undefined).length;
  return existing > limit ? `${existing} instances would exist, at most ${limit} may` : null;
}

function portBroken(draft: AppDraft, _: AppWork, pass: PassRows): string | null {
  const { snapshot } = draft.context;
  for (const instance of newlyPlaced(draft)) {
    const { agentId } = instance;
    if (agentId === undefined) continue;
    const held = heldPorts(instance);
    if (new Set(held).size < held.length) return `${instance.id} has one host port twice`;
    for (const port of held) {
      const holder = snapshot.ledger.ports(agentId).get(port)?.heldBy;
      const isOpen = holder === undefined || holder === instance.id || isFreed(draft, holder, pass);
      const claimedBy = pass.claims.get(`${agentId}:${port}`);
      if (!isOpen || (claimedBy !== undefined && claimedBy !== instance.id)) {
        return `host port ${port} of ${agentId} would belong to ${instance.id} and ${claimedBy ?? holder ?? ''}`;
      }
    }
  }
  return null;
}

/** Did its holder let go of it in this pass? */
function isFreed(draft: AppDraft, holder: InstanceId, pass: PassRows): boolean {
  const stored = draft.context.snapshot.instance(holder);
  if (!stored) return true;
  const row = stored.appId === draft.id ? draft.instance(holder) : pass.rowOf(holder);
  return row?.placed !== true || row.taskId !== stored.taskId;
}

/** The agent is told to stop only what no live proxy can choose any more. */
function killBroken(draft: AppDraft): string | null {
  const { snapshot, now } = draft.context;
  for (const instance of draft.instances) {
    const wasKilling = snapshot.instance(instance.id)?.stop?.phase === 'killing';
    if (instance.stop?.phase !== 'killing' || wasKilling) continue;
    if (!isConfirmedOut(instance, draft.versionOf(instance), snapshot, now)) {
      return `${instance.id} would be stopped although a live proxy may still choose it`;
    }
  }
  return null;
}

/** Promise 1, for what must answer a readiness check first. */
function routeBroken(draft: AppDraft): string | null {
  const routed = draft.decisions.flatMap(({ kind, instanceId }) =>
    kind === 'route-in' && instanceId !== undefined ? [draft.instance(instanceId)] : [],
  );
  const early = routed.find((each) => each?.routing === 'in' && isAwaitingReadiness(each));
  return early ? `${early.id} would be routed before it is ready` : null;
}

function incarnationBroken(draft: AppDraft): string | null {
  for (const instance of draft.instances) {
    const before = draft.context.snapshot.instance(instance.id)?.incarnation ?? 0;
    if (instance.incarnation < before) return `${instance.id} would go back from incarnation ${before}`;
  }
  return null;
}

function newlyPlaced(draft: AppDraft): readonly Instance[] {
  const ids = new Set(
    draft.decisions.filter(({ kind }) => kind === 'place-instance').map(({ instanceId }) => instanceId),
  );
  return draft.instances.filter((each) => each.placed && ids.has(each.id));
}

const portKeys = (instance: Instance): readonly string[] =>
  heldPorts(instance).map((port) => `${instance.agentId ?? ''}:${port}`);
