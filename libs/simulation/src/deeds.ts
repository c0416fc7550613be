// Carries out the actions of a scenario on a cluster. Each fault ends itself.
import type { Cluster } from './cluster.js';
import { STORE_HOST, type CrashPoint } from './control/database.js';
import type { SimControlPlane } from './control/control-plane.js';
import type { SimProcess } from './engine/sim-process.js';
import type { SimHost, SimTask } from './hosts/index.js';
import type { SimulatedProxy } from './proxies/index.js';
import type { Action, Deed, Party, Scenario } from './scenario/scenario.js';

export function schedule(cluster: Cluster, { actions }: Scenario): void {
  for (const action of actions) {
    cluster.timeline.at(cluster.startedAt + action.at, () => {
      cluster.note('deed', wordsOf(action));
      cluster.log.count(`deed ${action.do}`);
      carryOut(cluster, action);
    });
  }
}

/** All that was cut is whole again. */
export function healNetwork(cluster: Cluster): void {
  cluster.note('deed', 'the network is whole');
  cluster.network.mendAll();
}

function carryOut(cluster: Cluster, deed: Deed): void {
  const { people, network, timeline, database } = cluster;
  const later = (ms: number, work: () => void): void => void timeline.after(ms, work);
  switch (deed.do) {
    case 'deploy':
    case 'scale':
    case 'restart':
    case 'remove':
    case 'remove-group':
    case 'roll-back':
    case 'cancel':
    case 'kill':
      return people.ask(deed);
    case 'share-traffic':
      return people.share(deed);
    case 'crash-task':
      return crashTasks(taskAt(cluster, deed.index), deed.siblings ?? 0, cluster);
    case 'sicken':
      return taskAt(cluster, deed.index)?.sicken(deed.forMs);
    case 'hang':
      return taskAt(cluster, deed.index)?.hang(deed.forMs);
    case 'blind-checks': {
      const hosts = deed.all ? cluster.hosts : [hostAt(cluster, deed.agent)];
      for (const host of hosts) host.setBlind(true);
      return later(deed.forMs, () => {
        for (const host of hosts) host.setBlind(false);
      });
    }
    case 'engine': {
      const host = hostAt(cluster, deed.agent);
      host.setEngine(deed.fault);
      return later(deed.forMs, () => host.setEngine('ok'));
    }
    case 'restart-agent': {
      const host = hostAt(cluster, deed.agent);
      host.killAgent();
      return later(deed.downMs, () => host.startAgent());
    }
    case 'power-off': {
      const host = hostAt(cluster, deed.agent);
      host.powerOff();
      return later(deed.downMs, () => host.powerOn());
    }
    case 'freeze-agent': {
      const host = hostAt(cluster, deed.agent);
      host.freezeAgent();
      return later(deed.forMs, () => host.thawAgent());
    }
    case 'fill-disk': {
      const host = hostAt(cluster, deed.agent);
      host.fillDisk(true);
      return later(deed.forMs, () => host.fillDisk(false));
    }
    case 'take-port': {
      const host = hostAt(cluster, deed.agent);
      const port = host.ports.from + (deed.index % host.size.ports);
      if (!host.takePort(port, true)) return;
      return later(deed.forMs, () => host.takePort(port, false));
    }
    case 'cut': {
      const [from, to] = [hostNameOf(cluster, deed.from), hostNameOf(cluster, deed.to)];
      network.cut(from, to);
      if (deed.bothWays) network.cut(to, from);
      return later(deed.forMs, () => {
        network.mend(from, to);
        if (deed.bothWays) network.mend(to, from);
      });
    }
    case 'weather': {
      const [from, to] = [hostNameOf(cluster, deed.from), hostNameOf(cluster, deed.to)];
      const { extraMs, doubled, spreadMs } = deed;
      network.setWeather(from, to, { extraMs, doubled, spreadMs });
      return later(deed.forMs, () => network.setWeather(from, to, null));
    }
    case 'stalls':
      return stallAgents(cluster, deed);
    case 'crash-control-plane': {
      const one = controlPlane(cluster, deed.which);
      if (deed.when === 'now') return one.kill(deed.downMs);
      return armCrash(cluster, one, { ...deed, when: deed.when });
    }
    case 'freeze-control-plane': {
      const process = controlPlane(cluster, deed.which).process;
      process?.freeze();
      return later(deed.forMs, () => process?.thaw());
    }
    case 'abdicate':
      return cluster.leader?.core?.leadership.abdicate();
    case 'store-refuses':
      database.setCondition('refuses');
      return later(deed.forMs, () => database.setCondition('up'));
    case 'store-fails-over':
      database.setCondition('down');
      return later(deed.downMs, () => {
        database.stepClock(deed.clockStepMs);
        database.setCondition('up');
      });
    case 'lose-answers':
      return database.loseAnswers(deed.count);
    case 'freeze-proxy': {
      const proxy = proxyAt(cluster, deed.proxy);
      proxy.freeze();
      return later(deed.forMs, () => proxy.thaw());
    }
    case 'crash-proxy': {
      const proxy = proxyAt(cluster, deed.proxy);
      cluster.crashProxy(proxy);
      return later(deed.downMs, () => proxy.start());
    }
  }
}

function stallAgents(
  { hosts, controlPlanes, network, timeline }: Cluster,
  { everyMs, stallMs, forMs }: Extract<Deed, { readonly do: 'stalls' }>,
): void {
  const all = (change: 'cut' | 'mend'): void => {
    for (const { name } of hosts) for (const { host } of controlPlanes) network[change](name, host);
  };
  for (let at = 0; at + stallMs <= forMs; at += everyMs) {
    timeline.after(at, () => all('cut'));
    timeline.after(at + stallMs, () => all('mend'));
  }
}

type ControlPlaneCrash = Extract<Deed, { readonly do: 'crash-control-plane' }>;

/** A commit with a certain write comes late, and from whoever leads by then. */
function armCrash(
  { controlPlanes, database, timeline, log }: Cluster,
  one: SimControlPlane,
  {
    when,
    nth,
    write,
    withinMs = Infinity,
    downMs,
  }: ControlPlaneCrash & { readonly when: CrashPoint['when'] },
): void {
  const { process } = one;
  if (!process && write === undefined) return;
  const kill = (leader: SimProcess): void => {
    if (!leader.isAlive) return;
    log.count(`crashes at ${write ?? 'a commit'}`);
    controlPlanes.find((each) => each.process === leader)?.kill(downMs);
  };
  const of = write === undefined ? process : null;
  database.arm({ when, nth, write, of, until: timeline.now + withinMs, kill });
}

/** As when a request comes that the release cannot stand, again and again. */
function crashTasks(first: SimTask | undefined, siblings: number, { hosts }: Cluster): void {
  if (!first) return;
  const others = hosts
    .flatMap((host) => host.alive)
    .filter((each) => each !== first && each.appId === first.appId);
  for (const each of [first, ...others.slice(0, siblings)]) each.crash();
}

/** The living tasks of all hosts are numbered one after the other. */
function taskAt({ hosts }: Cluster, index: number): SimTask | undefined {
  const living = hosts.flatMap((host) => host.alive);
  return living[index % Math.max(1, living.length)];
}

const at = <T>(items: readonly T[], index: number): T => {
  const found = items[index % items.length];
  if (found === undefined) throw new Error('a scenario needs at least one of each');
  return found;
};
const hostAt = (cluster: Cluster, index: number): SimHost => at(cluster.hosts, index);
const proxyAt = (cluster: Cluster, index: number): SimulatedProxy => at(cluster.simProxies, index);

function controlPlane(cluster: Cluster, which: 'leader' | 'standby'): SimControlPlane {
  const { leader, controlPlanes } = cluster;
  const standby = controlPlanes.find((each) => each !== leader);
  return (which === 'leader' ? leader : standby) ?? at(controlPlanes, 0);
}

function hostNameOf({ hosts, controlPlanes, simProxies }: Cluster, party: Party): string {
  switch (party.kind) {
    case 'agent':
      return at(hosts, party.index).name;
    case 'control-plane':
      return at(controlPlanes, party.index).host;
    case 'proxy':
      return at(simProxies, party.index).id;
    case 'store':
      return STORE_HOST;
  }
}

const wordsOf = ({ at: _, ...deed }: Action): string => JSON.stringify(deed);
