// The loop around the pure reconcile pass: it wakes when apps are dirty, when the last pass said so, and every 5 s for safety.
// One pass at a time, one commit per pass; an app that a commit touched is looked at again until a pass finds nothing to do.
import { LongrunError } from '#libs/api-contract';
import type { AgentId, AppId } from '#libs/model';
import {
  reasonWrites,
  reconcile,
  type Decision,
  type ReconcileResult,
  type WaitingExplanation,
} from '#libs/reconciler';
import type { Clock, Ids, Timer } from '#libs/time';
import type { Alarms } from './alarms.js';
import type { FailedDeployment } from './commands/deployment-commands.js';
import type { Committed, Lane, Proposal } from './lane.js';
import type { Log } from './log.js';
import { OfferLog } from './offer-log.js';
import { affectedApps, type WorkingSet } from './working-set.js';

/** Only a net below: everything that changes something marks its apps dirty. */
const SAFETY_MS = 5_000;
/** Apps that one pass looks at: some 20 ms, so that heartbeats and requests get their turns in between. */
const PASS_APPS_MAX = 500;
/**
 * A pass that takes longer, as of an app with thousands of instances, is followed by a rest of the same length: what asked for twenty passes
 * meanwhile gets one, and half of the time belongs to heartbeats and requests.
 */
const LONG_PASS_MS = 50;
const REST_MS_MAX = 1_000;
/** After a pass that could not be committed. */
const RETRY_MS = 500;

export interface ReconcileLoopParts {
  readonly lane: Lane;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly alarms: Alarms;
  /** Most apps that one pass looks at; absent: PASS_APPS_MAX. */
  readonly appsPerPass?: number;
  /** Between two looks at everything; absent: SAFETY_MS. */
  readonly safetyMs?: number;
  /** This app waits for what these agents know now; it is marked when one of them has told it. Absent: nobody has to be asked. */
  readonly awaitWord?: (app: AppId, agents: ReadonlySet<AgentId>) => void;
  /** While true nothing is launched (`longrun up` is ending). */
  readonly launchesHeld: () => boolean;
  /** Ends a failed deployment and takes it back; null when that cannot be. */
  readonly undo: (failed: FailedDeployment, workingSet: WorkingSet, now: number) => Proposal<unknown> | null;
}

/** What a loop has in mind besides the rows: apps to look at, and when to look again. */
export interface LoopMemory {
  readonly dirty: readonly AppId[];
  /** Epoch ms, the control plane's clock. */
  readonly wakeAt: ReadonlyMap<AppId, number>;
  readonly waiting: ReadonlyMap<AppId, WaitingExplanation>;
}

export class ReconcileLoop {
  readonly offers = new OfferLog();
  readonly #parts: ReconcileLoopParts;
  readonly #dirty = new Set<AppId>();
  readonly #wakeAt = new Map<AppId, number>();
  #waiting = new Map<AppId, WaitingExplanation>();
  #workingSet: WorkingSet | null = null;
  #timer: Timer | null = null;
  #safety: Timer | null = null;
  #running = false;
  /** Of the clock: no pass before. */
  #restsUntil = 0;
  #passesDone: Promise<void> = Promise.resolve();
  /** Of the pass under way. */
  #taken: readonly AppId[] = [];

  constructor(parts: ReconcileLoopParts) {
    this.#parts = parts;
  }

  /** The first pass of an office looks at everything; there is no special recovery. */
  takeOffice(workingSet: WorkingSet): void {
    this.#workingSet = workingSet;
    this.#waiting.clear();
    this.offers.clear();
    this.#wakeAt.clear();
    this.markAll();
    this.#armSafety();
  }
  leaveOffice(): void {
    this.#workingSet = null;
    this.#timer?.cancel();
    this.#safety?.cancel();
    this.#dirty.clear();
  }

  memory(): LoopMemory {
    return {
      dirty: [...new Set([...this.#taken, ...this.#dirty])],
      wakeAt: new Map(this.#wakeAt),
      waiting: new Map(this.#waiting),
    };
  }
  /** Goes on where another loop was, without a safety timer: only over a working set of which everything that happens is known. */
  goOnFrom({ dirty, wakeAt, waiting }: LoopMemory, workingSet: WorkingSet): void {
    this.#workingSet = workingSet;
    for (const [app, at] of wakeAt) if (!this.#wakeAt.has(app)) this.#wakeAt.set(app, at);
    for (const [app, each] of waiting) if (!this.#waiting.has(app)) this.#waiting.set(app, each);
    if (!this.#running) this.#armTimer();
    this.mark(dirty);
  }
  get isIdle(): boolean {
    return !this.#running;
  }
  /** Resolves when no pass is under way and none is due now. */
  async settled(): Promise<void> {
    while (this.#running) await this.#passesDone;
  }

  /** Why instances of an app find no place; undefined when none waits for one. */
  waiting(app: AppId): WaitingExplanation | undefined {
    return this.#waiting.get(app);
  }

  mark(apps: Iterable<AppId>): void {
    for (const app of apps) this.#dirty.add(app);
    if (this.#dirty.size) this.#wake();
  }
  /** Apps, and what running deployments act on: an app that they removed has no row any more, and only they remember it. */
  markAll(): void {
    const workingSet = this.#workingSet;
    if (!workingSet) return;
    this.mark(workingSet.apps.keys());
    for (const deployment of workingSet.deployments.values()) this.mark(affectedApps(deployment));
  }
  /** Proxies confirmed, left, or finished requests: only stops under way care, and instances on lost agents that are to be forgotten. */
  markStopping(): void {
    const stopping: AppId[] = [];
    for (const instance of this.#workingSet?.instances() ?? []) {
      if (instance.stop || instance.unreachableSince !== undefined) stopping.push(instance.appId);
    }
    this.mark(stopping);
  }

  /** Everything that has instances there. */
  markAgent(agent: AgentId): void {
    this.mark(this.#workingSet?.instancesOn(agent).map(({ appId }) => appId) ?? []);
  }

  committed({ touched, workingSet }: Committed): void {
    this.#workingSet = workingSet;
    this.mark(touched.apps);
    for (const agent of touched.agents) this.markAgent(agent);
    if (touched.proxies) this.markStopping();
    const freed = touched.instances.some(({ before, after }) => before?.placed && !after?.placed);
    if (freed || touched.agents.size || touched.proxies) this.mark(this.#waiting.keys());
  }

  #wake(): void {
    if (this.#running || !this.#workingSet) return;
    this.#running = true;
    this.#passesDone = this.#passes();
  }

  async #passes(): Promise<void> {
    try {
      while (this.#dirty.size && this.#workingSet) {
        const restMs = this.#restsUntil - this.#parts.clock.now();
        if (restMs > 0) {
          await this.#breath(restMs);
          continue;
        }
        await this.#pass();
        if (this.#dirty.size >= PASS_APPS_MAX) await this.#breath();
      }
    } catch (error) {
      // the apps were put back; a lane that closed tells us by leaveOffice
      this.#parts.log.warn({ err: error }, 'a reconcile pass could not be committed');
      this.#parts.clock.after(RETRY_MS, () => this.mark([]));
    } finally {
      this.#running = false;
      this.#armTimer();
    }
  }

  #breath(ms = 0): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(ms, resolve));
  }

  /** `since`: when it began to decide. */
  #restAfter(since: number): void {
    const now = this.#parts.clock.now();
    const tookMs = now - since;
    if (tookMs > LONG_PASS_MS) this.#restsUntil = now + Math.min(tookMs, REST_MS_MAX);
  }

  async #pass(): Promise<void> {
    const taken = [...this.#dirty].slice(0, this.#parts.appsPerPass ?? PASS_APPS_MAX);
    for (const app of taken) this.#dirty.delete(app);
    this.#taken = taken;
    try {
      await this.#reconcile(taken);
    } catch (error) {
      if (error instanceof LongrunError) {
        for (const app of taken) this.#dirty.add(app);
        throw error;
      }
      await this.#oneByOne(taken);
    } finally {
      this.#taken = [];
    }
  }

  /** A bug that one app sets off must not hold up the others; its own next chance is its next change, or the safety timer. */
  async #oneByOne(apps: readonly AppId[]): Promise<void> {
    for (const app of apps) {
      try {
        await this.#reconcile([app]);
        this.#parts.alarms.clear(`reconcile ${app}`);
      } catch (error) {
        if (error instanceof LongrunError) throw error;
        this.#parts.log.error({ err: error, app }, 'an app could not be reconciled');
        const text = `${app} is not looked after: ${error instanceof Error ? error.message : String(error)}`;
        this.#parts.alarms.raise(`reconcile ${app}`, 'reconcile', text, this.#parts.clock.now());
      }
    }
  }

  async #reconcile(apps: readonly AppId[]): Promise<void> {
    const result = await this.#parts.lane.submit((workingSet, now) => {
      const pass = reconcile(workingSet, apps, now, this.#parts.ids);
      this.#restAfter(now);
      const undone = this.#undone(pass.decisions, workingSet, now);
      if (undone) return { ...undone, value: null };
      const decisions = this.#allowed(pass.decisions);
      const writes = decisions.flatMap((each) => each.writes);
      const reasons = reasonWrites(workingSet, decisions, now);
      return { writes: [...writes, ...reasons], value: { pass, now } };
    });
    // after a rollback the other decisions of the pass are made anew, for it changed what is wanted
    if (result) this.#follow(result.pass, apps, result.now);
    else this.mark(apps);
  }

  /** A deployment failed: its end and its rollback are one commit. Several that fail in one pass: one after the other. */
  #undone(decisions: readonly Decision[], workingSet: WorkingSet, now: number): Proposal<unknown> | null {
    for (const { writes, revert } of decisions) {
      const end = writes.find((write) => write.kind === 'put-deployment');
      if (!end || !revert?.length) continue;
      const undone = this.#parts.undo({ failed: end.deployment, changes: revert }, workingSet, now);
      if (undone) return undone;
      this.#parts.log.warn({ deployment: end.deployment.id }, 'a failed deployment could not be taken back');
    }
    return null;
  }

  #allowed(decisions: readonly Decision[]): readonly Decision[] {
    if (!this.#parts.launchesHeld()) return decisions;
    return decisions.filter(({ kind }) => kind !== 'place-instance' && kind !== 'create-instance');
  }

  #follow(pass: ReconcileResult, apps: readonly AppId[], now: number): void {
    for (const app of apps) {
      const at = pass.wakeups.get(app) ?? null;
      if (at === null) this.#wakeAt.delete(app);
      else this.#wakeAt.set(app, at);
      const waiting = pass.waiting.get(app);
      if (waiting) this.#waiting.set(app, waiting);
      else this.#waiting.delete(app);
      this.offers.note(app, waiting, now);
      const awaited = pass.awaited.get(app);
      if (awaited) this.#parts.awaitWord?.(app, awaited);
      this.#tellAlarms(pass, app, now);
    }
  }

  #tellAlarms(pass: ReconcileResult, app: AppId, now: number): void {
    const { alarms, log } = this.#parts;
    const brake = pass.alarms.find(({ appId }) => appId === app);
    const brakeId = `mass-kill-brake ${app}`;
    if (brake) alarms.raise(brakeId, brake.kind, brake.text, now);
    else alarms.clear(brakeId);
    const violation = pass.violations.find(({ appId }) => appId === app);
    const violationId = `invariant ${app}`;
    if (!violation) return alarms.clear(violationId);
    const kinds = violation.decisions.map(({ kind }) => kind);
    log.error({ rule: violation.rule, app, kinds }, `dropped decisions: ${violation.text}`);
    alarms.raise(violationId, 'invariant', `${app}: ${violation.text}`, now);
  }

  #armTimer(): void {
    this.#timer?.cancel();
    const next = Math.min(...this.#wakeAt.values());
    if (!this.#workingSet || !Number.isFinite(next)) return;
    this.#timer = this.#parts.clock.after(Math.max(0, next - this.#parts.clock.now()), () => this.#due());
  }

  #due(): void {
    const now = this.#parts.clock.now();
    const due = [...this.#wakeAt].filter(([, at]) => at <= now).map(([app]) => app);
    for (const app of due) this.#wakeAt.delete(app);
    this.mark(due);
    if (!this.#running) this.#armTimer();
  }

  #armSafety(): void {
    this.#safety?.cancel();
    this.#safety = this.#parts.clock.after(this.#parts.safetyMs ?? SAFETY_MS, () => {
      this.#armSafety();
      this.markAll();
    });
  }
}
