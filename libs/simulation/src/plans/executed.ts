// What a deployment really did, read from the rows that were committed while it ran: which tasks started where, which were stopped, in
// which step and order, and what that took. It shares nothing with what makes plans but the meaning of a row.
import type { WorkingSet } from '#libs/control-core';
import type { AppId, Deployment, DeploymentId, Instance } from '#libs/model';
import { isAvailable, type AppSituation } from '#libs/reconciler';
import type { CommitFact, Watcher, World } from '../promises/watch.js';

export interface Deed {
  readonly kind: 'start' | 'stop';
  readonly step: number;
  readonly appId: AppId;
  readonly agentId: string;
  readonly instanceId: string;
}

export interface Amounts {
  readonly cpus: number;
  readonly mem: number;
  readonly instances: number;
}

export interface AppFact {
  leastHealthy: number;
  instancesAtMost: number;
}

const NOTHING: Amounts = { cpus: 0, mem: 0, instances: 0 };

export class Executed implements Watcher {
  readonly rule = 'a plan is what happens';
  readonly deeds: Deed[] = [];
  readonly apps = new Map<AppId, AppFact>();
  /** The most that each agent held, and all of them beyond what they held before. */
  readonly peaks = new Map<string, Amounts>();
  peak = NOTHING;
  /** As it ended. */
  outcome: Deployment | null = null;
  isTakenBack = false;
  #before: ReadonlyMap<string, Amounts> = new Map();
  #deployment: DeploymentId | null = null;
  #step = 1;
  #isOn = false;

  /** From now on, for the next deployment that starts. */
  begin({ stored, now }: Pick<World, 'stored' | 'now'>, apps: readonly AppId[]): void {
    this.deeds.length = 0;
    this.apps.clear();
    this.peaks.clear();
    this.peak = NOTHING;
    this.outcome = null;
    this.isTakenBack = false;
    this.#deployment = null;
    this.#step = 1;
    this.#isOn = true;
    this.#before = usedByAgent(stored);
    for (const [agent, used] of this.#before) this.peaks.set(agent, used);
    for (const id of apps) {
      this.apps.set(id, { leastHealthy: Infinity, instancesAtMost: 0 });
      this.#look(id, stored, now);
    }
  }

  committed({ commit, touched }: CommitFact, { stored, now }: World): void {
    if (!this.#isOn) return;
    for (const write of commit.writes) {
      if (write.kind !== 'put-deployment') continue;
      const { deployment } = write;
      this.#deployment ??= deployment.id;
      if (deployment.revertOf === this.#deployment) this.isTakenBack = true;
      if (deployment.id === this.#deployment && deployment.status !== 'running') this.outcome = deployment;
    }
    const step = this.#deployment && stored.deployments.get(this.#deployment)?.currentStep;
    if (step) this.#step = step;
    for (const { before, after } of touched.instances) this.#note(before, after);
    for (const id of this.apps.keys()) this.#look(id, stored, now);
    if (touched.instances.length) this.#measure(stored);
    if (this.outcome) this.#isOn = false;
  }

  #note(before: Instance | null, after: Instance | null): void {
    if (!after?.placed || after.agentId === undefined) return;
    const { appId, agentId, id: instanceId } = after;
    const deed = { step: this.#step, appId, agentId, instanceId };
    if (!before?.placed || before.incarnation !== after.incarnation)
      this.deeds.push({ kind: 'start', ...deed });
    if (after.stop && !before?.stop) this.deeds.push({ kind: 'stop', ...deed });
  }

  #look(id: AppId, stored: WorkingSet, now: number): void {
    const fact = this.apps.get(id);
    if (!fact) return;
    const app = stored.apps.get(id);
    const instances = stored.instancesOf(id);
    fact.instancesAtMost = Math.max(fact.instancesAtMost, instances.filter(({ placed }) => placed).length);
    if (!app) {
      fact.leastHealthy = 0;
      return;
    }
    const { settings, officeSince } = stored;
    const versionOf: AppSituation['versionOf'] = (each) => stored.versionOf(each);
    const situation: AppSituation = { app, instances, versionOf, settings, officeSince, now };
    const healthy = instances.filter((each) => isAvailable(each, situation)).length;
    fact.leastHealthy = Math.min(fact.leastHealthy, healthy);
  }

  #measure(stored: WorkingSet): void {
    let extra = NOTHING;
    for (const [agent, used] of usedByAgent(stored)) {
      const before = this.#before.get(agent) ?? NOTHING;
      this.peaks.set(agent, highest(this.peaks.get(agent) ?? NOTHING, used));
      extra = plus(extra, {
        cpus: used.cpus - before.cpus,
        mem: used.mem - before.mem,
        instances: used.instances - before.instances,
      });
    }
    this.peak = highest(this.peak, extra);
  }
}

/** Added up anew from all that is placed. */
function usedByAgent(stored: WorkingSet): ReadonlyMap<string, Amounts> {
  const used = new Map<string, Amounts>([...stored.agents.keys()].map((id) => [id, NOTHING]));
  for (const each of stored.instances()) {
    if (!each.placed || each.agentId === undefined) continue;
    const { cpus, mem } = stored.versionOf(each).spec;
    used.set(each.agentId, plus(used.get(each.agentId) ?? NOTHING, { cpus, mem, instances: 1 }));
  }
  return used;
}

const plus = (a: Amounts, b: Amounts): Amounts => ({
  cpus: a.cpus + b.cpus,
  mem: a.mem + b.mem,
  instances: a.instances + b.instances,
});
const highest = (a: Amounts, b: Amounts): Amounts => ({
  cpus: Math.max(a.cpus, b.cpus),
  mem: Math.max(a.mem, b.mem),
  instances: Math.max(a.instances, b.instances),
});
