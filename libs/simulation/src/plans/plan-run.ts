// Plans put to the test: in a small cluster without faults a change is first foreseen by the leader and then asked for, one after another,
// and what came of each is compared with what was said.
import type { Foreseen } from '#libs/api-contract';
import { tasksOnHost, type ControlCore, type StartedDeployment } from '#libs/control-core';
import { hasRoutablePorts } from '#libs/lifecycle';
import { asAppId, type AppId, type Instance } from '#libs/model';
import { Cluster } from '../cluster.js';
import { Random } from '../engine/random.js';
import { toDefinition } from '../scenario/definition.js';
import type { AppWish } from '../scenario/scenario.js';
import { after, clusterOf, definitionsOf, nextChange, type Change, type Standing } from './changes.js';
import { differences } from './compare.js';
import { Executed } from './executed.js';

/** Virtual time, ms. */
const STEP_MS = 200;
/** Nothing may move for so long before a change is foreseen: reports, confirmations and books follow a little later. */
const REST_MS = 2_000;
const SETTLE_MAX_MS = 180_000;
/** Deadlines are a minute without progress. */
const DONE_MAX_MS = 900_000;
const CALL = { clientIp: '10.9.9.9', uri: '/v2/apps' };

export interface PlanFact {
  readonly change: Change;
  readonly plan: Foreseen;
  /** Empty: all came as planned. */
  readonly problems: readonly string[];
}

/** Throws when a promise breaks or the cluster does not settle: that has nothing to do with plans. */
export async function comparePlans(seed: string, changes: number): Promise<readonly PlanFact[]> {
  const random = new Random(seed);
  const { scenario, apps } = clusterOf(random);
  const run = new PlanRun(scenario);
  await run.start();
  const facts: PlanFact[] = [];
  let standing: Standing = new Map();
  for (let index = 0; facts.length < changes; index += 1) {
    const change = nextChange(random.fork(`change ${index}`), standing, apps, index);
    const fact = await run.compare(change);
    // nothing that it names is there
    if (!fact) continue;
    facts.push(fact);
    if (fact.plan.outcome.kind === 'succeeds') standing = after(standing, change);
    await run.settle(standing, fact.plan);
  }
  return facts;
}

class PlanRun {
  readonly #executed = new Executed();
  readonly #cluster: Cluster;
  #elapsed = 0;

  constructor(scenario: ReturnType<typeof clusterOf>['scenario']) {
    this.#cluster = new Cluster(scenario, false, [this.#executed]);
  }

  get #core(): ControlCore {
    const core = this.#cluster.leader?.core;
    if (!core) throw new Error('nobody leads in a cluster without faults');
    return core;
  }

  async start(): Promise<void> {
    const cluster = this.#cluster;
    cluster.start();
    const agents = cluster.hosts.length;
    const isUp = (): boolean =>
      cluster.leader !== null &&
      [...cluster.stored.agents.values()].filter(({ liveness }) => liveness === 'connected').length ===
        agents;
    await this.#until('all agents are connected', isUp, SETTLE_MAX_MS);
    await this.#settle();
  }

  async compare(change: Change): Promise<PlanFact | null> {
    const asked = await this.#answered(ask(this.#core, change, true));
    if (!asked.foreseeable) throw new Error('a dry run foresees');
    if (!asked.steps.length) return null;
    const plan = await this.#answered(asked.foreseeable.foresee());
    const problems: string[] = [];
    if (plan.alsoMoving.length)
      problems.push(`nothing moves, and the plan says ${plan.alsoMoving.join(', ')} do`);
    this.#executed.begin(
      this.#cluster,
      plan.apps.map(({ appId }) => appId),
    );
    const started = await this.#answered(ask(this.#core, change, false));
    if (JSON.stringify(started.steps) !== JSON.stringify(asked.steps))
      problems.push(`planned steps ${JSON.stringify(asked.steps)}; asked ${JSON.stringify(started.steps)}`);
    const waited = new Map<AppId, number>();
    const look = (): boolean => {
      for (const { appId } of plan.apps) {
        const waiting = this.#core.loop.waiting(appId);
        if (waiting && !this.#executed.outcome) waited.set(appId, waiting.instances);
      }
      return this.#executed.outcome !== null;
    };
    await this.#until(`${change.do} ends`, look, DONE_MAX_MS);
    problems.push(...differences(plan, this.#executed));
    if (plan.fits === false) problems.push(...unfit(plan, waited));
    const { isTakenBack } = this.#executed;
    if ((plan.outcome.rolledBack ?? false) !== isTakenBack)
      problems.push(
        `planned: ${isTakenBack ? 'not ' : ''}taken back when it fails; it is ${isTakenBack ? '' : 'not'}`,
      );
    return { change, plan, problems };
  }

  /** A change that failed and was not taken back is put right by hand: `standing` is what runs. */
  async settle(standing: Standing, { outcome, apps }: Foreseen): Promise<void> {
    if (outcome.kind !== 'succeeds' && !outcome.rolledBack) {
      for (const { appId } of apps) await this.#putBack(appId, standing.get(appId));
    }
    await this.#settle();
  }

  async #putBack(app: AppId, wish: AppWish | undefined): Promise<void> {
    const { apps, state } = this.#core;
    const options = { force: true, partial: false, mayCreate: true };
    if (wish) await this.#answered(apps.update(app, toDefinition(app, wish), options, CALL));
    else if (state.apps.has(app)) await this.#answered(apps.remove(app, true));
  }

  #settle(): Promise<void> {
    let since = this.#elapsed;
    const isSettled = (): boolean => {
      if (!this.#isAtRest()) since = this.#elapsed;
      return this.#elapsed - since >= REST_MS;
    };
    return this.#until('the cluster is at rest', isSettled, SETTLE_MAX_MS);
  }

  #isAtRest(): boolean {
    const { state } = this.#core;
    const isWell = (each: Instance): boolean =>
      each.placed &&
      !each.stop &&
      each.status?.phase === 'running' &&
      each.status.incarnation === each.incarnation;
    const isWhole = ({ id }: { readonly id: AppId }): boolean => {
      const count = state.apps.get(id)?.current.spec.instances;
      const instances = state.instancesOf(id);
      return instances.length === count && instances.every((each) => isWell(each) && isServing(each, state));
    };
    const isMoving = [...state.deployments.values()].some(({ status }) => status === 'running');
    return !isMoving && [...state.apps.values()].every(isWhole);
  }

  /** Virtual time passes until the answer is there. */
  async #answered<T>(call: Promise<T>): Promise<T> {
    let isThere = false;
    const seen = call.finally(() => {
      isThere = true;
    });
    // it is awaited below; until then a refusal is not unhandled
    seen.catch(() => undefined);
    await this.#until('a call is answered', () => isThere, SETTLE_MAX_MS, 5);
    return seen;
  }

  async #until(what: string, isTrue: () => boolean, mostMs: number, stepMs = STEP_MS): Promise<void> {
    const cluster = this.#cluster;
    for (const end = this.#elapsed + mostMs; !isTrue();) {
      if (this.#elapsed >= end) throw new Error(`waited ${mostMs / 1000} s in vain: ${what}`);
      this.#elapsed += stepMs;
      await cluster.run(this.#elapsed);
      if (cluster.broken) throw new Error(`${cluster.broken.rule}: ${cluster.broken.text}`);
    }
  }
}

/** What the table says of it: every instance with ports gets requests. */
const isServing = (each: Instance, state: ControlCore['state']): boolean =>
  each.routing === 'in' || !hasRoutablePorts(state.versionOf(each).spec);

/** It found no place, as many as the plan says, until it was given up. */
const unfit = (plan: Foreseen, waited: ReadonlyMap<AppId, number>): readonly string[] =>
  plan.problems.flatMap(({ appId, instances }) => {
    const found = waited.get(appId) ?? 0;
    return found === instances ? [] : [`${appId}: planned ${instances} without a place, it was ${found}`];
  });

function ask(core: ControlCore, change: Change, dryRun: boolean): Promise<StartedDeployment> {
  const options = { force: false, dryRun };
  switch (change.do) {
    case 'deploy': {
      const body = toDefinition(change.app, change.wish);
      return core.apps.update(
        asAppId(change.app),
        body,
        { ...options, partial: false, mayCreate: true },
        CALL,
      );
    }
    case 'deploy-many':
      return core.apps.updateMany(definitionsOf(change.wishes), {
        ...options,
        partial: false,
        mayCreate: true,
      });
    case 'scale': {
      const body = { instances: change.instances };
      return core.apps.update(
        asAppId(change.app),
        body,
        { ...options, partial: true, mayCreate: false },
        CALL,
      );
    }
    case 'restart':
      return core.apps.restart(asAppId(change.app), false, dryRun);
    case 'remove':
      return core.apps.remove(asAppId(change.app), false, dryRun);
    case 'remove-group':
      return core.groups.remove(change.group as Parameters<typeof core.groups.remove>[0], options);
    case 'kill-and-scale': {
      const app = asAppId(change.app);
      const chosen = (state: ControlCore['state']): readonly Instance[] => {
        const tasks = tasksOnHost(state, app, '*');
        const indexes = new Set(change.indexes.map((index) => index % Math.max(1, tasks.length)));
        return tasks.filter((_, index) => indexes.has(index));
      };
      return core.tasks.killAndScale(chosen, [app], false, dryRun);
    }
  }
}
