// Promises 1 and 2: no traffic before ready, and nothing dies while traffic can reach it.
import { drainSecondsOf } from './drain.js';
import { broken, type CommitFact, type ProxyFact, type TaskFact, type Watcher, type World } from './watch.js';
import type { RouteTable } from '#libs/routing';
import { heldPorts, type AppId, type Instance, type ProxyId, type TaskId } from '#libs/model';

/** A proxy that was not heard for so long no longer holds a stop back (decisions.md 10). */
const LEASE_MS = 10_000;
/** Clocks of two processes may differ by so much over a lease (drift), and a report takes its time to be taken. */
const LEASE_SLACK_MS = 250;
/** Heard within this time, its lease lasts on any clock. */
export const SURE_LEASE_MS = LEASE_MS - LEASE_SLACK_MS;

/** A target that is new in a table must have passed its checks. */
export function readyBeforeRouted(): Watcher {
  return {
    rule: 'no-route-before-ready',
    swapped({ id, table }, before, world) {
      const known = targetsOf(before);
      for (const taskId of targetsOf(table)) {
        if (known.has(taskId)) continue;
        const task = world.task(taskId);
        if (!task?.isAlive || task.wasReady) continue;
        // what an agent started itself, without a control plane, is routed on: the ports and the app are the same
        if (world.stored.instanceOfTask(taskId)?.status?.autonomous) continue;
        broken('no-route-before-ready', `${id} routes to ${taskId} of ${task.appId}, which never was ready`);
      }
    },
  };
}

/**
 * Did its lease last when the stop was decided, and does it since? A decision that was stored before the lease began was made without this
 * proxy: until it asked anew it was cut off.
 */
const holdsStops = ({ isAlive, heardAt, leasedSince }: ProxyFact, decidedAt: number, now: number): boolean =>
  isAlive && now - heardAt < SURE_LEASE_MS && leasedSince <= decidedAt;

/** By task: when it was stored that its agent is to stop it. */
class Decisions {
  readonly #at = new Map<TaskId, number>();

  note({ touched }: CommitFact, now: number): void {
    for (const { before, after } of touched.instances) {
      const { taskId, stop } = after ?? {};
      if (taskId && stop?.phase === 'killing' && before?.stop?.phase !== 'killing') this.#at.set(taskId, now);
      else if (before?.taskId && !after) this.#at.delete(before.taskId);
    }
  }
  /** `now`: of a stop that no row tells of. */
  at({ taskId }: TaskFact, now: number): number {
    return this.#at.get(taskId) ?? now;
  }
}

export function stopAfterConfirmation(): Watcher {
  const decisions = new Decisions();
  return {
    rule: 'no-stop-before-confirmation',
    committed: (fact, { now }) => decisions.note(fact, now),
    stopAsked(task, { proxies, now }) {
      const decidedAt = decisions.at(task, now);
      // without asking anybody
      const able = proxies.find(
        (each) => holdsStops(each, decidedAt, now) && targetsOf(each.table).has(task.taskId),
      );
      if (able) {
        broken(
          'no-stop-before-confirmation',
          `${task.taskId} of ${task.appId} is stopped while ${able.id} can still choose it; heard ${now - able.heardAt} ms ago`,
        );
      }
    },
  };
}

/** Nobody waits for a proxy whose lease has ended, so it asks what it has missed before it routes (promise 2). */
export function asksBeforeRouting(): Watcher {
  return {
    rule: 'asks-before-routing',
    routedAtOnce({ id, askedAt }, { now }) {
      const sinceMs = now - askedAt;
      if (sinceMs < LEASE_MS + LEASE_SLACK_MS) return;
      broken('asks-before-routing', `${id} routes a request; it last asked for a table ${sinceMs} ms ago`);
    },
  };
}

/** The leader measures the time by its own clock. */
const DRIFT = 0.01;

/** What is in flight gets its drain time. */
export function drained(): Watcher {
  const leftAt = new Map<TaskId, number>();
  const decisions = new Decisions();
  /** Since when a proxy knows a task. What reached it before was meant for another one that had its port, of the same app. */
  const knownSince = new Map<string, number>();
  return {
    rule: 'drained-before-stop',
    committed(fact, { now }) {
      decisions.note(fact, now);
      for (const { before, after } of fact.touched.instances) {
        if (before?.taskId && before.routing !== 'out' && after?.routing === 'out')
          leftAt.set(before.taskId, now);
        else if (before?.taskId && !after) leftAt.delete(before.taskId);
      }
    },
    swapped({ id, table }, before, { now }) {
      const known = targetsOf(before);
      for (const taskId of targetsOf(table)) if (!known.has(taskId)) knownSince.set(`${id} ${taskId}`, now);
    },
    stopAsked(task, world) {
      const left = leftAt.get(task.taskId);
      if (left === undefined) return;
      const drainMs = drainSecondsOf(task, world) * 1000;
      if (world.now - left >= drainMs * (1 - DRIFT)) return;
      for (const proxy of world.proxies) {
        const isLive = holdsStops(proxy, decisions.at(task, world.now), world.now);
        const since = knownSince.get(`${proxy.id} ${task.taskId}`) ?? Infinity;
        const cut = isLive
          ? proxy.inFlight.filter((each) => each.taskId === task.taskId && each.since >= since)
          : [];
        if (!cut.length) continue;
        broken(
          'drained-before-stop',
          `${task.taskId} is stopped ${world.now - left} ms after it left the table, ${cut.length} requests of ${proxy.id} are in flight; its drain time is ${drainMs} ms`,
        );
      }
    },
  };
}

/** A request never reaches a task of another app, whatever a proxy still believes (decisions.md 10). */
export function rightApp(): Watcher {
  return {
    rule: 'right-app',
    answered({ result, proxy, text }) {
      if (result === 'wrong-app') broken('right-app', `${proxy}: ${text}`);
    },
  };
}

/** Seen at the commit that gives a port away: long before a request goes wrong, and where none comes. */
export function portsRest(): Watcher {
  return {
    rule: 'ports-rest',
    committed({ touched }, { stored, proxies }) {
      const placed = touched.instances.flatMap(({ before, after }) =>
        after?.placed && after.taskId !== before?.taskId ? [after] : [],
      );
      if (!placed.length) return;
      // one that nobody has heard of yet holds nothing back
      const known = proxies.filter(({ id }) => stored.proxies.has(id as ProxyId));
      for (const instance of placed) for (const proxy of known) mustNotTakeOver(instance, proxy, stored);
    },
  };
}

function mustNotTakeOver(instance: Instance, { id, table }: ProxyFact, { agents }: World['stored']): void {
  const host = instance.agentId === undefined ? undefined : agents.get(instance.agentId)?.info.address;
  if (!table || host === undefined) return;
  for (const port of heldPorts(instance)) {
    const owner = ownersOf(table).get(`${host}:${port}`) ?? instance.appId;
    if (owner === instance.appId) continue;
    broken(
      'ports-rest',
      `${instance.id} gets port ${port} of ${host}, where ${id} sends requests for ${owner} by its table ${table.number}`,
    );
  }
}

/** A proxy never goes back: not to an older table, not to an older leader. */
export function tablesOnlyGrow(): Watcher {
  return {
    rule: 'tables-only-grow',
    swapped({ id, table }, before) {
      if (!table || !before) return;
      const isOlder =
        table.epoch < before.epoch || (table.epoch === before.epoch && table.number < before.number);
      if (!isOlder) return;
      broken(
        'tables-only-grow',
        `${id} went from table ${before.epoch}/${before.number} back to ${table.epoch}/${table.number}`,
      );
    },
  };
}

const owners = new WeakMap<RouteTable, ReadonlyMap<string, AppId>>();

/** Of a table the apps by `host:port` of their targets. */
function ownersOf(table: RouteTable): ReadonlyMap<string, AppId> {
  const known = owners.get(table);
  if (known) return known;
  const found = new Map(
    table.services.flatMap(({ appId, targets: all }) =>
      all.map((each): [string, AppId] => [`${each.host}:${each.port}`, each.appId ?? appId]),
    ),
  );
  owners.set(table, found);
  return found;
}

const NONE: ReadonlySet<TaskId> = new Set();
const targets = new WeakMap<RouteTable, ReadonlySet<TaskId>>();

/** Of a table all tasks; kept, for tables are values and are looked at often. */
function targetsOf(table: RouteTable | null): ReadonlySet<TaskId> {
  if (!table) return NONE;
  const known = targets.get(table);
  if (known) return known;
  const found = new Set(table.services.flatMap((each) => each.targets.map(({ taskId }) => taskId)));
  targets.set(table, found);
  return found;
}
