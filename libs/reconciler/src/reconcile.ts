// One pass over the dirty apps: from one view of the cluster to the decisions that bring what is closer to what is wanted.
// Pure: same input, same answer. Costs what is dirty, not what exists. Whoever calls commits all decisions in one transaction
// and calls again when something changed or `wakeAt` has come.
import type { AgentId, AppId, Deployment, DeploymentId, Instance, InstanceId } from '#libs/model';
import { lockedApps } from '#libs/planner';
import type { Ids } from '#libs/time';
import { AppDraft } from './app-draft.js';
import type { PassContext } from './app-draft.js';
import { workOf } from './app-work.js';
import type { AppSituation } from './classify.js';
import type { Alarm, Decision, ReconcileResult, Violation, WaitingExplanation } from './decision.js';
import { beginDeployment, moveDeployment } from './deployments.js';
import type { DeploymentMove } from './deployments.js';
import { checkInvariants } from './invariants.js';
import type { PassRows } from './invariants.js';
import { situationIn } from './outlook.js';
import { LedgerOverlay } from './ledger-overlay.js';
import { reconcileApp } from './reconcile-app.js';
import type { ClusterSnapshot } from './snapshot.js';

/** `dirty`: apps about which anything changed since their last pass; unknown ones (removed) only move their deployments. */
export function reconcile(
  snapshot: ClusterSnapshot,
  dirty: readonly AppId[],
  now: number,
  ids: Ids,
): ReconcileResult {
  const ledger = new LedgerOverlay(snapshot.ledger, snapshot.tableNumber + 1);
  return new Pass({ snapshot, ledger, now, ids }, [...new Set(dirty)]).run();
}

class Pass {
  readonly #drafts = new Map<AppId, AppDraft>();
  readonly #deployments: Map<DeploymentId, Deployment>;
  readonly #decisions: Decision[] = [];
  readonly #wakeups = new Map<AppId, number | null>();
  readonly #waiting = new Map<AppId, WaitingExplanation>();
  readonly #awaited = new Map<AppId, ReadonlySet<AgentId>>();
  readonly #alarms: Alarm[] = [];
  readonly #violations: Violation[] = [];
  readonly #rows: PassRows = { claims: new Map(), rowOf: (id) => this.#rowOf(id) };

  constructor(
    private readonly context: PassContext,
    private readonly dirty: readonly AppId[],
  ) {
    this.#deployments = this.#touchedDeployments();
  }

  run(): ReconcileResult {
    const begun = new Set<DeploymentId>();
    for (const deployment of this.#deployments.values()) {
      const move = beginDeployment(deployment, this.#appFor(deployment), this.context.now);
      if (move.decision) begun.add(deployment.id);
      this.#take(move);
    }
    for (const id of this.dirty) this.#reconcileApp(id);
    for (const deployment of this.#deployments.values()) {
      if (!begun.has(deployment.id)) this.#moveDeployment(deployment);
    }
    const wakeAt = Math.min(...[...this.#wakeups.values()].map((each) => each ?? Infinity));
    return {
      decisions: this.#decisions,
      wakeAt: Number.isFinite(wakeAt) ? wakeAt : null,
      wakeups: this.#wakeups,
      waiting: this.#waiting,
      awaited: this.#awaited,
      alarms: this.#alarms,
      violations: this.#violations,
    };
  }

  #reconcileApp(id: AppId): void {
    this.#wakeups.set(id, this.#wakeups.get(id) ?? null);
    const app = this.context.snapshot.apps.get(id);
    if (!app) return;
    const draft = new AppDraft(this.context, app);
    const deployment = this.#deploymentOf(id);
    reconcileApp(draft, deployment);
    const violation = checkInvariants(draft, workOf(app, deployment), this.#rows);
    if (violation) {
      this.#violations.push(violation);
      this.#wake(id, this.context.now + this.context.snapshot.settings.placementRetryMs);
      return;
    }
    this.#drafts.set(id, draft);
    this.#decisions.push(...draft.decisions);
    this.#alarms.push(...draft.alarms);
    this.#wake(id, draft.wakeAt);
    if (draft.awaited.size) this.#awaited.set(id, draft.awaited);
    if (draft.unplaced) {
      this.#waiting.set(id, { instances: draft.unplaced.count, perAgent: draft.unplaced.perAgent });
    }
  }

  #moveDeployment(deployment: Deployment): void {
    const { snapshot, now } = this.context;
    const situationOf = ({ app }: { readonly app: AppId }): AppSituation | null => this.#situationOf(app);
    this.#take(moveDeployment(deployment, this.#appFor(deployment), snapshot, situationOf, now));
  }

  #take({ deployment, decision, wakeAt }: DeploymentMove): void {
    this.#deployments.set(deployment.id, deployment);
    this.#wake(this.#appFor(deployment), wakeAt);
    if (!decision) return;
    this.#decisions.push(decision);
    // another step, or the end, changes what all its apps are to do
    const isTurn = decision.kind === 'end-deployment' || wakeAt === this.context.now;
    if (isTurn) for (const app of lockedApps(deployment.steps)) this.#wake(app, this.context.now);
  }

  #wake(id: AppId, at: number | null): void {
    const known = this.#wakeups.get(id) ?? null;
    this.#wakeups.set(id, at === null ? known : Math.min(at, known ?? Infinity));
  }

  #deploymentOf(id: AppId): Deployment | undefined {
    const stored = this.context.snapshot.deploymentOf(id);
    return stored && (this.#deployments.get(stored.id) ?? stored);
  }

  /** Those of the dirty apps, and those without any action, which nothing else would ever wake. */
  #touchedDeployments(): Map<DeploymentId, Deployment> {
    const isDirty = new Set(this.dirty);
    const touched = [...this.context.snapshot.deployments.values()].filter(
      ({ steps }) =>
        !steps.length || steps.some((step) => step.actions.some((each) => isDirty.has(each.app))),
    );
    return new Map(touched.map((each) => [each.id, each]));
  }

  /** The app under which a deployment's decisions and wake-ups are filed: a dirty one of it. */
  #appFor({ steps, changes }: Deployment): AppId {
    const apps = steps.flatMap((step) => step.actions.map((each) => each.app));
    const known = apps.find((each) => this.dirty.includes(each)) ?? apps[0] ?? changes[0]?.appId;
    return known ?? ROOT;
  }

  #rowOf(id: InstanceId): Instance | undefined {
    const stored = this.context.snapshot.instance(id);
    const draft = stored && this.#drafts.get(stored.appId);
    return draft ? draft.instance(id) : stored;
  }

  #situationOf(id: AppId): AppSituation | null {
    const draft = this.#drafts.get(id);
    if (draft) return draft.isRemoved ? null : draft.situation();
    return situationIn(this.context.snapshot, id, this.context.now);
  }
}

/** A deployment that touches nothing belongs to no app. */
const ROOT = '/' as AppId;
