// Writes down what happens in an imagined cluster: starts and stops in waves, what each agent holds at its fullest, how many instances
// of each app are healthy at the worst moment. It only looks at rows before and after commits, so it knows none of the rules.
import type {
  Foreseen,
  PlannedAgent,
  PlannedAmounts,
  PlannedApp,
  PlannedStart,
  PlannedStop,
  PlannedWave,
} from '#libs/api-contract';
import {
  portsOf,
  type AgentId,
  type AppId,
  type DeploymentId,
  type Instance,
  type InstanceId,
} from '#libs/model';
import { floorOf, isAvailable, type AppSituation } from '#libs/reconciler';
import type { Committed } from '../lane.js';
import type { WorkingSet } from '../working-set.js';

type Row = Committed['touched']['instances'][number];

interface AppRecord {
  starts: number;
  stops: number;
  floor: number;
  leastHealthy: number;
  instancesAtMost: number;
}

interface OpenWave {
  readonly step: number;
  readonly certain: boolean;
  readonly starts: Instance[];
  readonly stops: Instance[];
}

const NOTHING: PlannedAmounts = { cpus: 0, mem: 0, disk: 0, instances: 0 };

export class PlanRecord {
  readonly #waves: OpenWave[] = [];
  readonly #apps = new Map<AppId, AppRecord>();
  readonly #before = new Map<AgentId, PlannedAmounts>();
  readonly #peaks = new Map<AgentId, PlannedAmounts>();
  readonly #used = new Map<AgentId, PlannedAmounts>();
  readonly #unplaced = new Set<InstanceId>();
  readonly #waited = new Map<AppId, number>();
  #peak = NOTHING;
  #wave: OpenWave | null = null;
  #step = 0;
  /** Several things happened at the same time in this step, so that in truth one of them came first. */
  #isParallel = false;
  #isCertain: boolean;

  /** `apps`: those of the change. `isCertain`: nothing but the change moves. */
  constructor(
    private readonly state: WorkingSet,
    private readonly deployment: DeploymentId,
    apps: readonly AppId[],
    isCertain: boolean,
    now: number,
  ) {
    this.#isCertain = isCertain;
    for (const id of state.agents.keys()) this.#before.set(id, state.ledger.used(id));
    for (const id of apps) {
      const record: AppRecord = {
        starts: 0,
        stops: 0,
        floor: 0,
        leastHealthy: Infinity,
        instancesAtMost: 0,
      };
      this.#apps.set(id, record);
      this.#look(id, record, now);
    }
  }

  /** The world has moved: of so many instances that were on their way up or down one or more have arrived, or time has passed (0). */
  moved(instances: number): void {
    this.#wave = null;
    if (instances > 1) this.#isParallel = true;
  }

  committed({ touched, now }: Pick<Committed, 'touched' | 'now'>): void {
    const isNewStep = this.#followStep();
    for (const row of touched.instances) this.#note(row);
    const moved = touched.instances.flatMap(({ before, after }) => (after ?? before)?.appId ?? []);
    // what the definition alone changes is seen with the step
    for (const id of isNewStep ? this.#apps.keys() : new Set(moved)) {
      const record = this.#apps.get(id);
      if (record) this.#look(id, record, now);
    }
    this.#measure(touched.instances);
  }

  /** When nothing is left to decide: an instance that has no place now waits for room. */
  passed(isWaiting: (app: AppId) => boolean): void {
    for (const appId of this.#apps.keys()) {
      if (!isWaiting(appId)) continue;
      for (const each of this.state.instancesOf(appId)) {
        if (!each.placed && each.goal === 'running') this.#unplaced.add(each.id);
      }
    }
  }

  appsOfChange(): readonly AppId[] {
    return [...this.#apps.keys()];
  }
  isOfChange(app: AppId): boolean {
    return this.#apps.has(app);
  }

  result(): Pick<Foreseen, 'waves' | 'apps' | 'agents' | 'peak' | 'waitsForRoom'> {
    const waves = this.#waves.map((wave, at) => this.#shown(wave, this.#isLastStop(at)));
    return {
      waves,
      apps: [...this.#apps].map(([appId, each]): PlannedApp => ({
        appId,
        ...each,
        leastHealthy: finite(each.leastHealthy),
      })),
      agents: this.#agents(waves),
      peak: this.#peak,
      waitsForRoom: [...this.#waited].map(([appId, instances]) => ({ appId, instances })),
    };
  }

  /** What a finished step has left is the same whatever came first in it, if its places are. */
  #followStep(): boolean {
    const step = this.state.deployments.get(this.deployment)?.currentStep;
    if (step === undefined || step === this.#step) return false;
    this.#step = step;
    this.#wave = null;
    this.#isParallel = false;
    return true;
  }

  #note({ before, after }: Row): void {
    const row = after ?? before;
    const record = row && this.#apps.get(row.appId);
    if (!row || !record) return;
    const isStart = after?.placed && (!before?.placed || before.incarnation !== after.incarnation);
    const isStop = after?.stop && after.placed && !before?.stop;
    if (isStart) {
      record.starts += 1;
      const wave = this.#openWave();
      wave.starts.push(after);
      if (!wave.certain) this.#isCertain = false;
      if (this.#unplaced.delete(after.id)) {
        this.#waited.set(after.appId, (this.#waited.get(after.appId) ?? 0) + 1);
      }
    }
    if (isStop) {
      record.stops += 1;
      this.#openWave().stops.push(after);
    }
  }

  /** Whatever came first: that these stop, when all the rest of the step has happened, is certain. */
  #isLastStop(at: number): boolean {
    const step = this.#waves[at]?.step;
    const others = this.#waves.filter((wave, index) => wave.step === step && index < at);
    const isLast = this.#waves[at + 1]?.step !== step;
    return isLast && !this.#waves[at]?.starts.length && others.every(({ certain }) => certain);
  }

  #openWave(): OpenWave {
    if (this.#wave?.step === this.#step) return this.#wave;
    const certain = this.#isCertain && !this.#isParallel;
    this.#wave = { step: Math.max(1, this.#step), certain, starts: [], stops: [] };
    this.#waves.push(this.#wave);
    return this.#wave;
  }

  #look(id: AppId, record: AppRecord, now: number): void {
    const app = this.state.apps.get(id);
    const instances = this.state.instancesOf(id);
    record.instancesAtMost = Math.max(record.instancesAtMost, instances.filter((each) => each.placed).length);
    if (!app) {
      record.leastHealthy = 0;
      return;
    }
    record.floor = floorOf(app);
    const { settings, officeSince } = this.state;
    const versionOf: AppSituation['versionOf'] = (each) => this.state.versionOf(each);
    const situation: AppSituation = { app, instances, versionOf, settings, officeSince, now };
    const healthy = instances.filter((each) => isAvailable(each, situation)).length;
    record.leastHealthy = Math.min(record.leastHealthy, healthy);
  }

  #measure(rows: readonly Row[]): void {
    const agents = new Set(rows.flatMap(({ before, after }) => [before?.agentId, after?.agentId]));
    for (const id of agents) {
      if (id === undefined) continue;
      const used = this.state.ledger.used(id);
      this.#used.set(id, used);
      this.#peaks.set(id, highest(this.#peaks.get(id) ?? used, used));
    }
    const extra = [...this.#used].reduce(
      (sum, [id, used]) => plus(sum, minus(used, this.#before.get(id) ?? NOTHING)),
      NOTHING,
    );
    this.#peak = highest(this.#peak, rounded(extra));
  }

  #shown({ step, certain, starts, stops }: OpenWave, isLastStop: boolean): PlannedWave {
    const started = new Map<string, PlannedStart>();
    for (const each of starts) {
      const place = this.#placeOf(each);
      const known = started.get(`${place.appId} ${place.agentId}`);
      started.set(`${place.appId} ${place.agentId}`, {
        ...place,
        instances: (known?.instances ?? 0) + 1,
        ports: known?.ports ?? this.#fixedPorts(each),
      });
    }
    const stopped = new Map<string, PlannedStop>();
    for (const each of stops) {
      const place = this.#placeOf(each);
      const instanceIds = [...(stopped.get(`${place.appId} ${place.agentId}`)?.instanceIds ?? []), each.id];
      stopped.set(`${place.appId} ${place.agentId}`, { ...place, instanceIds });
    }
    return {
      step,
      starts: [...started.values()],
      stops: [...stopped.values()],
      certain: certain || isLastStop,
    };
  }

  #placeOf({ appId, agentId }: Instance): Pick<PlannedStart, 'appId' | 'agentId' | 'hostname'> {
    if (agentId === undefined) throw new Error(`a placed instance of ${appId} has no agent`);
    return { appId, agentId, hostname: this.state.agents.get(agentId)?.info.hostname ?? agentId };
  }

  /** Read from the definition: which free port is taken is no promise. */
  readonly #portsByApp = new Map<string, readonly (number | null)[]>();
  #fixedPorts({ appId, version }: Instance): readonly (number | null)[] {
    const known = this.#portsByApp.get(`${appId} ${version}`);
    if (known) return known;
    const found = this.state.version(appId, version);
    const wanted = found ? portsOf(found.spec).filter(({ hostPort }) => hostPort !== null) : [];
    const ports = wanted.map(({ hostPort }) => (hostPort ? hostPort : null));
    this.#portsByApp.set(`${appId} ${version}`, ports);
    return ports;
  }

  #agents(waves: readonly PlannedWave[]): readonly PlannedAgent[] {
    const count = (agent: AgentId): { starts: number; stops: number } => ({
      starts: sum(waves.flatMap(({ starts }) => starts.filter((each) => each.agentId === agent))),
      stops: waves
        .flatMap(({ stops }) => stops.filter((each) => each.agentId === agent))
        .reduce((total, { instanceIds }) => total + instanceIds.length, 0),
    });
    return [...this.#before].flatMap(([agentId, now]): PlannedAgent[] => {
      const counts = count(agentId);
      const info = this.state.agents.get(agentId)?.info;
      if (!info || (!counts.starts && !counts.stops)) return [];
      const { cpus, mem, disk } = info.resources;
      const peak = rounded(highest(now, this.#peaks.get(agentId) ?? now));
      const after = rounded(this.#used.get(agentId) ?? now);
      const total = { cpus, mem, disk };
      return [{ agentId, hostname: info.hostname, ...counts, total, now: rounded(now), peak, after }];
    });
  }
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);
const sum = (starts: readonly PlannedStart[]): number =>
  starts.reduce((total, { instances }) => total + instances, 0);

const combined = (
  a: PlannedAmounts,
  b: PlannedAmounts,
  combine: (x: number, y: number) => number,
): PlannedAmounts => ({
  cpus: combine(a.cpus, b.cpus),
  mem: combine(a.mem, b.mem),
  disk: combine(a.disk, b.disk),
  instances: combine(a.instances, b.instances),
});
const plus = (a: PlannedAmounts, b: PlannedAmounts): PlannedAmounts => combined(a, b, (x, y) => x + y);
const minus = (a: PlannedAmounts, b: PlannedAmounts): PlannedAmounts => combined(a, b, (x, y) => x - y);
const highest = (a: PlannedAmounts, b: PlannedAmounts): PlannedAmounts =>
  combined(a, b, (x, y) => Math.max(x, y));
/** Sums of doubles drift; a millionth of a core or MiB is nothing. */
const rounded = (amounts: PlannedAmounts): PlannedAmounts =>
  combined(amounts, amounts, (x) => Math.round(x * 1e6) / 1e6);
