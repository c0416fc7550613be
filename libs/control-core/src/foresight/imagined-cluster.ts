// A cluster that exists in thought only: a copy of the working set, the real lane, reconcile loop and status intake over a store that keeps
// nothing, and agents and proxies without faults. A change is carried out in it to see what it would do; no rule exists twice.
import type { Foreseen, PlanProblem } from '#libs/api-contract';
import { counted } from '#libs/model';
import type {
  AgentId,
  AppId,
  AppVersion,
  Deployment,
  Instance,
  InstanceId,
  InstanceStatus,
} from '#libs/model';
import { isRunning } from '#libs/lifecycle';
import type { Commit, CommitResult, Write } from '#libs/store';
import type { Clock, Ids } from '#libs/time';
import { Alarms } from '../alarms.js';
import { Lane, type Committed } from '../lane.js';
import type { Log } from '../log.js';
import { ReconcileLoop, type LoopMemory } from '../reconcile-loop.js';
import { StatusIntake } from '../status-intake.js';
import type { WorkingSet } from '../working-set.js';
import { ImaginedClock } from './imagined-clock.js';
import { imaginedReport } from './imagined-report.js';
import { PlanRecord } from './plan-record.js';

/** Nothing but room or time brings a place, and what gives room is imagined; so asking often is of no use. */
const PLACEMENT_RETRY_MS = 60_000;
/** Longest work without letting others run, ms of real time. */
const BREATH_MS = 5;
/** Real passes are larger; what comes of them is the same. */
const APPS_PER_PASS = 50;
/** Imagined time after which nothing more is expected: readiness checks may be hours apart. */
const HORIZON_MS = 7 * 86_400_000;

/** The change, and all that is known at one moment. */
export interface Moment {
  /** It stays as it is. */
  readonly state: WorkingSet;
  readonly memory: LoopMemory;
  /** Control plane's clock, epoch ms. */
  readonly now: number;
  readonly writes: readonly Write[];
  readonly deployment: Deployment;
}

export class ImaginedCluster {
  readonly #real: Clock;
  readonly #until: number;
  readonly #moment: Moment;
  readonly #clock: ImaginedClock;
  readonly #state: WorkingSet;
  readonly #lane: Lane;
  readonly #loop: ReconcileLoop;
  readonly #intake: StatusIntake;
  readonly #record: PlanRecord;
  readonly #others: readonly AppId[];
  /** Instances whose agents may have something to say. */
  readonly #watched = new Set<InstanceId>();
  #breathedAt: number;
  #ended: Deployment | null = null;
  /** What its apps do once the deployment has ended is no part of the plan. */
  #isOver = false;
  #rolledBack = false;
  #problems: readonly PlanProblem[] | null = null;

  /** `until`: by the real clock, epoch ms; then the plan ends where it is. */
  constructor(moment: Moment, real: Clock, until: number) {
    this.#moment = moment;
    this.#real = real;
    this.#until = until;
    this.#breathedAt = real.now();
    this.#clock = new ImaginedClock(real, moment.now);
    const settings = { ...moment.state.settings, placementRetryMs: PLACEMENT_RETRY_MS };
    this.#state = moment.state.copy(settings);
    this.#lane = this.#openLane();
    this.#intake = new StatusIntake(this.#lane);
    this.#loop = new ReconcileLoop({
      lane: this.#lane,
      clock: this.#clock,
      ids: imaginedIds(),
      log: SILENT,
      alarms: new Alarms(this.#lane, SILENT),
      appsPerPass: APPS_PER_PASS,
      launchesHeld: () => false,
      undo: () => {
        this.#rolledBack = true;
        return null;
      },
    });
    const apps = moment.deployment.changes
      .filter(({ before, after }) => before?.version !== after?.version)
      .map(({ appId }) => appId);
    this.#others = this.#unsettled(new Set(apps));
    const isCertain = this.#others.length === 0;
    this.#record = new PlanRecord(this.#state, moment.deployment.id, apps, isCertain, moment.now);
    for (const { id } of this.#state.instances()) this.#watched.add(id);
    for (const proxy of this.#state.proxies.values()) {
      // one that is heard now goes on to be heard
      if (proxy.leaseUntil > moment.now) this.#state.noteProxy({ ...proxy, leaseUntil: Infinity });
    }
  }

  async run(): Promise<Omit<Foreseen, 'fitsWith'>> {
    this.#lane.follow((committed) => this.#follow(committed));
    this.#loop.goOnFrom(this.#moment.memory, this.#state);
    await this.#lane.submit(() => ({ writes: this.#moment.writes, value: undefined }));
    const isWhole = await this.#untilEnded();
    return this.#result(isWhole);
  }

  /** False: it would take too long to think on. */
  async #untilEnded(): Promise<boolean> {
    for (;;) {
      await this.#settled();
      this.#record.passed((app) => this.#loop.waiting(app) !== undefined);
      if (this.#ended) return true;
      if (this.#real.now() >= this.#until) return false;
      if ((await this.#report()) || (await this.#confirm())) continue;
      const at = this.#clock.nextAt();
      if (at === null || at - this.#moment.now > HORIZON_MS) return true;
      this.#record.moved(0);
      this.#clock.jumpTo(at);
    }
  }

  async #settled(): Promise<void> {
    do {
      await this.#loop.settled();
      await this.#clock.breathed();
    } while (!this.#loop.isIdle);
  }

  /** All agents tell what is new, together. */
  async #report(): Promise<boolean> {
    const reports = new Map<AgentId, InstanceStatus[]>();
    const now = this.#clock.now();
    for (const id of this.#watched) {
      await this.#breathe();
      const instance = this.#state.instance(id);
      const agent = instance?.agentId === undefined ? undefined : this.#state.agents.get(instance.agentId);
      const version = instance && this.#state.versionOf(instance);
      const report = version && imaginedReport(instance, version, agent, now);
      if (!report || !agent) continue;
      const list = reports.get(agent.info.id);
      if (list) list.push(report);
      else reports.set(agent.info.id, [report]);
    }
    this.#watched.clear();
    if (!reports.size) return false;
    this.#record.moved(this.#underWay(now));
    // a moment later, so that what follows is younger than what it follows from
    this.#clock.jumpTo(now + 1);
    await Promise.all([...reports].map(([agent, items]) => this.#intake.store(agent, items)));
    return true;
  }

  /**
   * Of the change, what comes up or ends sooner or later; two are counted as well as more. Here all that can be reported is reported at once
   * and before anything is confirmed; in truth any of them may be the first.
   */
  #underWay(now: number): number {
    let count = 0;
    for (const app of this.#record.appsOfChange()) {
      for (const each of this.#state.instancesOf(app)) {
        if (each.placed && this.#isUnderWay(each, now)) count += 1;
        if (count > 1) return count;
      }
    }
    return count;
  }

  #isUnderWay(instance: Instance, now: number): boolean {
    if (instance.stop) return true;
    const version = this.#state.versionOf(instance);
    const agent = instance.agentId === undefined ? undefined : this.#state.agents.get(instance.agentId);
    return isTurn(instance, version) && imaginedReport(instance, version, agent, now) !== null;
  }

  /** Every proxy that is heard confirms the newest table and has nothing in flight. */
  async #confirm(): Promise<boolean> {
    const { tableNumber: number, epoch } = this.#state;
    const behind = [...this.#state.proxies.values()].filter(
      ({ leaseUntil, confirmed, inFlight }) =>
        leaseUntil === Infinity && (confirmed.number < number || Object.keys(inFlight).length > 0),
    );
    if (!behind.length) return false;
    const confirmed = { epoch, number };
    const writes = behind.map((proxy): Write => ({
      kind: 'put-proxy',
      proxy: { ...proxy, confirmed, inFlight: {} },
    }));
    await this.#lane.submit(() => ({ writes, value: undefined }));
    return true;
  }

  #follow(committed: Committed): void {
    if (!this.#isOver) this.#record.committed(committed);
    this.#isOver = this.#ended !== null;
    for (const { after } of committed.touched.instances) if (after) this.#watched.add(after.id);
    // no further pass when the time is up
    if (this.#real.now() < this.#until) this.#loop.committed(committed);
    else this.#loop.leaveOffice();
  }

  #openLane(): Lane {
    const lane = new Lane({
      store: { commit: (commit) => this.#commit(commit) },
      clock: this.#clock,
      log: SILENT,
      rules: null,
      reload: () => Promise.resolve(this.#state),
      lost: () => undefined,
    });
    lane.open(this.#state);
    return lane;
  }

  async #commit({ writes }: Commit): Promise<CommitResult> {
    for (const write of writes) {
      const isEnd = write.kind === 'put-deployment' && write.deployment.status !== 'running';
      if (!isEnd || write.deployment.id !== this.#moment.deployment.id) continue;
      this.#ended = write.deployment;
      // what waits is given up afterwards
      if (write.deployment.status === 'failed') this.#problems = this.#waiting();
    }
    await this.#breathe();
    return { kind: 'committed', events: [] };
  }

  /** The process has others to serve. */
  async #breathe(): Promise<void> {
    if (this.#real.now() - this.#breathedAt < BREATH_MS) return;
    await this.#clock.breath();
    this.#breathedAt = this.#real.now();
  }

  /** Apps beside the change that have something under way. */
  #unsettled(changed: ReadonlySet<AppId>): readonly AppId[] {
    const found = new Set<AppId>();
    for (const each of this.#state.instances()) {
      if (changed.has(each.appId) || found.has(each.appId)) continue;
      const isAtRest = each.placed && !each.stop && (each.unreachableSince !== undefined || isRunning(each));
      if (!isAtRest) found.add(each.appId);
    }
    for (const { steps } of this.#state.deployments.values()) {
      for (const { app } of steps.flatMap(({ actions }) => actions)) if (!changed.has(app)) found.add(app);
    }
    return [...found].sort();
  }

  #result(isWhole: boolean): Omit<Foreseen, 'fitsWith'> {
    const problems = this.#problems ?? (isWhole && !this.#ended ? this.#waiting() : []);
    return {
      outcome: this.#outcome(isWhole, problems),
      fits: isWhole ? problems.length === 0 : null,
      ...this.#record.result(),
      problems,
      alsoMoving: this.#others,
    };
  }

  #outcome(isWhole: boolean, problems: readonly PlanProblem[]): Foreseen['outcome'] {
    const seconds = Math.round((this.#clock.now() - this.#moment.now) / 1000);
    if (!isWhole) {
      const text = 'the change is too large to be foreseen in full: this is how it begins';
      return { kind: 'unknown', text, seconds };
    }
    if (this.#ended?.status === 'succeeded')
      return { kind: 'succeeds', text: 'every step gets done', seconds };
    const places = problems.map(({ text }) => text).join('; ');
    const reason = this.#ended?.reason ?? 'it would wait for ever';
    const text = places ? `${places}; ${reason}` : reason;
    return { kind: 'fails', text, seconds, rolledBack: this.#rolledBack };
  }

  /** Of the change, what finds no place now. */
  #waiting(): readonly PlanProblem[] {
    return this.#record.appsOfChange().flatMap((appId): PlanProblem[] => {
      const waiting = this.#loop.waiting(appId);
      if (!waiting) return [];
      const { instances } = waiting;
      const many = counted(instances, 'instance finds', 'instances find');
      const agents = waiting.perAgent.map(({ agentId, hostname, reasons }) => ({
        agentId,
        hostname,
        reasons,
      }));
      const where = agents.length ? 'no place on any agent' : 'no agent to run on';
      return [{ appId, instances, text: `${appId}: ${many} ${where}`, agents }];
    });
  }
}

/** Does it change what the app counts? That a task which runs already accepts, too, is only told late. */
const isTurn = (instance: Instance, { spec }: AppVersion): boolean =>
  instance.stop !== undefined ||
  !isRunning(instance) ||
  instance.asksReadiness === true ||
  spec.healthChecks.length > 0;

const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Counted, so that equal plans are equal; unlike any that is given out. */
function imaginedIds(): Ids {
  let count = 0;
  return {
    uuid: () => {
      count += 1;
      return `ffffffff-ffff-4fff-bfff-${String(count).padStart(12, '0')}`;
    },
  };
}
