// Makes a failing scenario small, so that a person can follow it: fewer actions, fewer parties, exact clocks, simpler wishes, shorter
// times, as long as the same promise breaks. Every step is a run; their number and their CPU time are bounded.
import type { BrokenPromise, Outcome } from './scenario/outcome.js';
import { endOf, type Action, type AppWish, type Scenario } from './scenario/scenario.js';

export interface ShrinkBudget {
  /** Most runs. */
  readonly runs: number;
  /** Most CPU time, ms. */
  readonly cpuMs: number;
  /** CPU time of this process, ms, from any start. */
  cpuNow(): number;
  /** A line for whoever waits. */
  tell(line: string): void;
}

export interface Shrunk {
  readonly scenario: Scenario;
  /** As it breaks in this scenario. */
  readonly broken: BrokenPromise;
  readonly runs: number;
  /** False: the budget was used up before nothing was left to try. */
  readonly isFinished: boolean;
}

type Run = (scenario: Scenario) => Promise<Outcome>;
/** Smaller ones to try, the boldest first. */
type Pass = (scenario: Scenario) => Iterable<Scenario>;

/** `broken`: what the run of `scenario` broke; smaller ones must break the same rule. */
export async function shrink(
  scenario: Scenario,
  broken: BrokenPromise,
  run: Run,
  budget: ShrinkBudget,
): Promise<Shrunk> {
  const search = new Search({ scenario, broken }, run, budget);
  for (let before = ''; before !== search.mark && !search.isSpent;) {
    before = search.mark;
    await search.fewerActions();
    for (const pass of PASSES) await search.take(pass);
  }
  return { ...search.best, runs: search.runs, isFinished: !search.isSpent };
}

interface Found {
  readonly scenario: Scenario;
  readonly broken: BrokenPromise;
}

class Search {
  best: Found;
  runs = 0;
  readonly #rule: string;
  readonly #cpuStart: number;
  readonly #tried = new Set<string>();

  constructor(
    first: Found,
    private readonly run: Run,
    private readonly budget: ShrinkBudget,
  ) {
    this.best = first;
    this.#rule = first.broken.rule;
    this.#cpuStart = budget.cpuNow();
  }

  /** Equal marks, equal scenarios. */
  get mark(): string {
    return JSON.stringify(this.best.scenario);
  }
  get isSpent(): boolean {
    const { runs, cpuMs, cpuNow } = this.budget;
    return this.runs >= runs || cpuNow() - this.#cpuStart >= cpuMs;
  }

  /** Delta debugging: leaves out halves, then quarters, … then single actions. */
  async fewerActions(): Promise<void> {
    for (let parts = 2; !this.isSpent && this.best.scenario.actions.length;) {
      const { actions } = this.best.scenario;
      const size = Math.ceil(actions.length / parts);
      let isSmaller = false;
      // from the end: what comes later seldom matters to what broke before
      for (let end = actions.length; end > 0 && !isSmaller; end -= size) {
        const rest = [...actions.slice(0, Math.max(0, end - size)), ...actions.slice(end)];
        isSmaller = await this.#breaks({ ...this.best.scenario, actions: rest });
      }
      if (isSmaller) parts = Math.max(2, parts - 1);
      else if (size <= 1) return;
      else parts = Math.min(actions.length, parts * 2);
    }
  }

  /** Takes what breaks, and goes on there: what was tried before it is not tried again in this round. */
  async take(pass: Pass): Promise<void> {
    let position = 0;
    for (let isSmaller = true; isSmaller && !this.isSpent;) {
      isSmaller = false;
      let index = 0;
      for (const smaller of pass(this.best.scenario)) {
        index += 1;
        if (index <= position) continue;
        isSmaller = await this.#breaks(smaller);
        if (isSmaller) position = index - 1;
        if (isSmaller || this.isSpent) break;
      }
    }
  }

  async #breaks(scenario: Scenario): Promise<boolean> {
    const key = JSON.stringify(scenario);
    if (this.isSpent || key === this.mark || this.#tried.has(key)) return false;
    this.#tried.add(key);
    this.runs += 1;
    const { broken } = await this.run(scenario);
    if (broken?.rule !== this.#rule) return false;
    this.best = { scenario, broken };
    this.budget.tell(`${sizeOf(scenario)} after ${this.runs} runs`);
    return true;
  }
}

export const sizeOf = ({ actions, agents, controlPlanes, proxies, durationMs }: Scenario): string =>
  `${actions.length} actions, ${agents.length} agents, ${controlPlanes} control planes, ${proxies} proxies, ` +
  `${Math.round(durationMs / 1000)} s`;

// ---- passes

const SECOND = 1000;

/** The end comes sooner: right after the last action, or the quiet time is cut. */
function* soonerEnd(scenario: Scenario): Generator<Scenario> {
  const { actions, quietFromMs, durationMs } = scenario;
  const last = Math.max(0, ...actions.map(endOf));
  const quiet = Math.min(quietFromMs, last + SECOND);
  const quietMs = durationMs - quietFromMs;
  for (const share of [0.1, 0.25, 0.5, 1]) {
    const sooner = { quietFromMs: quiet, durationMs: quiet + Math.ceil(quietMs * share) };
    if (sooner.durationMs < durationMs) yield { ...scenario, ...sooner };
  }
}

function* exactClocks(scenario: Scenario): Generator<Scenario> {
  if (!scenario.clockOffsetMs && !scenario.clockDrift) return;
  yield { ...scenario, clockOffsetMs: 0, clockDrift: 0 };
  yield { ...scenario, clockOffsetMs: 0 };
  yield { ...scenario, clockDrift: 0 };
}

function* wholePasses({ changedPerPass, ...scenario }: Scenario): Generator<Scenario> {
  if (changedPerPass !== undefined) yield scenario;
}

function* fewerParties(scenario: Scenario): Generator<Scenario> {
  const { proxies, controlPlanes, agents } = scenario;
  for (const fewer of [0, 1]) if (fewer < proxies) yield { ...scenario, proxies: fewer };
  if (controlPlanes > 1) yield { ...scenario, controlPlanes: 1 };
  for (const count of [1, 2, Math.ceil(agents.length / 2), agents.length - 1]) {
    if (count > 0 && count < agents.length) yield { ...scenario, agents: agents.slice(0, count) };
  }
}

const WISHES: readonly ((wish: AppWish) => Partial<AppWish>)[] = [
  () => ({ instances: 1 }),
  () => ({ instances: 2 }),
  ({ instances }) => ({ instances: Math.ceil(instances / 2) }),
  ({ instances }) => ({ instances: Math.max(0, instances - 1) }),
  () => ({ constraint: 'none', hostPort: 0 }),
  () => ({ constraint: 'none' }),
  () => ({ hostPort: 0 }),
  () => ({ ports: 1, hostPort: 0 }),
  () => ({ readiness: false }),
  () => ({ minReadySeconds: 0 }),
  () => ({ runtime: 'process' }),
  () => ({ behaviour: 'good' }),
  () => ({ health: 'http' }),
  () => ({ health: 'none' }),
  () => ({ minimumHealthCapacity: 1, maximumOverCapacity: 1 }),
  () => ({ minimumHealthCapacity: 1 }),
  () => ({ maximumOverCapacity: 1 }),
  () => ({ drainSeconds: 0 }),
  () => ({ killGraceSeconds: 1 }),
  () => ({ cpus: 0.1, mem: 32 }),
  () => ({ progressDeadlineSeconds: 60, maxLaunchDelaySeconds: 2 }),
];

/** All wishes of all apps, then those of one app, then single ones. */
function* simplerWishes(scenario: Scenario): Generator<Scenario> {
  const { actions } = scenario;
  const apps = [...new Set(actions.flatMap((each) => (each.do === 'deploy' ? [each.app] : [])))];
  for (const simpler of WISHES) {
    const withWishes = (isMeant: (action: Action) => boolean): Scenario => ({
      ...scenario,
      actions: actions.map((each) =>
        each.do === 'deploy' && isMeant(each) ? { ...each, wish: simplerOf(each.wish, simpler) } : each,
      ),
    });
    yield withWishes(() => true);
    if (apps.length > 1)
      for (const app of apps) yield withWishes((each) => 'app' in each && each.app === app);
    for (const one of actions) if (one.do === 'deploy') yield withWishes((each) => each === one);
  }
}

/** Instances never grow, whatever a rule says. */
function simplerOf(wish: AppWish, simpler: (wish: AppWish) => Partial<AppWish>): AppWish {
  const next = { ...wish, ...simpler(wish) };
  const isStillThere = next.ports === 1 && wish.ports === 0 ? { ports: wish.ports } : {};
  return { ...next, ...isStillThere, instances: Math.min(wish.instances, next.instances) };
}

function* plainDeeds(scenario: Scenario): Generator<Scenario> {
  for (const [index, action] of scenario.actions.entries()) {
    for (const plainer of plainerOf(action)) yield replaced(scenario, index, plainer);
  }
}

function* plainerOf(action: Action): Generator<Action> {
  if ('force' in action && action.force) yield { ...action, force: false };
  if (action.do === 'share-traffic' && action.pin !== 'none') yield { ...action, pin: 'none' };
  if (action.do === 'weather') {
    for (const part of [{ extraMs: 0 }, { doubled: 0 }, { spreadMs: 0 }]) yield { ...action, ...part };
  }
  if (action.do === 'crash-task' && action.siblings) {
    const { siblings, ...alone } = action;
    yield alone;
    yield { ...action, siblings: siblings - 1 };
  }
  if (action.do === 'crash-control-plane') yield* plainerCrash(action);
  if (action.do === 'store-fails-over' && action.clockStepMs) yield { ...action, clockStepMs: 0 };
}

type ControlPlaneCrash = Extract<Action, { readonly do: 'crash-control-plane' }>;

/** Now, at any commit, at the first one, and without a long wait for it. */
function* plainerCrash(crash: ControlPlaneCrash): Generator<ControlPlaneCrash> {
  const { write, withinMs, ...plain } = crash;
  if (crash.when === 'now') return;
  yield { ...plain, when: 'now', nth: 1 };
  if (write) yield { ...plain, ...(withinMs === undefined ? {} : { withinMs }) };
  if (crash.nth > 1) yield { ...crash, nth: 1 };
  if (withinMs !== undefined && withinMs > SECOND) yield { ...crash, withinMs: Math.ceil(withinMs / 2) };
}

/** Faults last a second, half as long, or a rounder time. */
function* shorterFaults(scenario: Scenario): Generator<Scenario> {
  for (const [index, action] of scenario.actions.entries()) {
    const ms = lengthOf(action);
    if (ms === null) continue;
    for (const shorter of [SECOND, Math.ceil(ms / 2), floorTo(ms, SECOND)]) {
      if (shorter >= ms || shorter <= 0) continue;
      if ('forMs' in action) yield replaced(scenario, index, { ...action, forMs: shorter });
      else if ('downMs' in action) yield replaced(scenario, index, { ...action, downMs: shorter });
    }
  }
}

/** What comes between two actions is left out: everything from one of them on happens sooner. Faults still end before the quiet time. */
function* closerTogether(scenario: Scenario): Generator<Scenario> {
  const { actions, quietFromMs, durationMs } = scenario;
  for (const [first, { at }] of actions.entries()) {
    const before = actions[first - 1]?.at ?? 0;
    for (const gap of [SECOND, 10 * SECOND, 60 * SECOND]) {
      const by = at - before - gap;
      if (by <= 0) continue;
      const closer = actions.map((each, index) => (index < first ? each : { ...each, at: each.at - by }));
      const quiet = Math.min(quietFromMs, Math.max(quietFromMs - by, ...closer.map(endOf)));
      yield {
        ...scenario,
        quietFromMs: quiet,
        durationMs: quiet + durationMs - quietFromMs,
        actions: closer,
      };
    }
  }
}

const PASSES: readonly Pass[] = [
  soonerEnd,
  exactClocks,
  wholePasses,
  fewerParties,
  simplerWishes,
  plainDeeds,
  shorterFaults,
  closerTogether,
];

const replaced = (scenario: Scenario, index: number, action: Action): Scenario => ({
  ...scenario,
  actions: scenario.actions.map((each, at) => (at === index ? action : each)),
});
const floorTo = (ms: number, step: number): number => Math.floor(ms / step) * step;
const lengthOf = (action: Action): number | null =>
  'forMs' in action ? action.forMs : 'downMs' in action ? action.downMs : null;
