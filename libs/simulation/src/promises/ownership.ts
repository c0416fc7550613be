// One owner per host port, one living task per instance, placement as the constraints say, and nothing stopped that should run.
import type { AgentId, InstanceId } from '#libs/model';
import { broken, type CommitFact, type TaskFact, type Watcher, type World } from './watch.js';

export function oneOwnerPerPort(): Watcher {
  return {
    rule: 'one-owner-per-port',
    conflicted(reason) {
      broken('one-owner-per-port', `a commit was refused: ${reason}`);
    },
    launching(task, world) {
      for (const other of world.tasks()) {
        if (other.host !== task.host || other.taskId === task.taskId || !other.isAlive) continue;
        const shared = other.hostPorts.find((port) => port !== 0 && task.hostPorts.includes(port));
        // what its agent lost and nobody wants any more may still run; the test before the start finds its port taken
        if (shared === undefined || isGivenUp(other, world)) continue;
        broken(
          'one-owner-per-port',
          `${task.taskId} is launched on port ${shared} of ${task.host}, which ${other.taskId} has`,
        );
      }
    },
  };
}

export function oneTaskPerInstance(): Watcher {
  return {
    rule: 'one-task-per-instance',
    launching(task, world) {
      const other = world
        .tasks()
        .find((each) => each.instanceId === task.instanceId && each.taskId !== task.taskId && each.isAlive);
      if (other) {
        broken(
          'one-task-per-instance',
          `${task.taskId} is launched on ${task.host} while ${other.taskId} of the same instance runs on ${other.host}`,
        );
      }
    },
  };
}

/** An agent stops what was decided to be stopped, and what nobody names any more. */
export function noUndecidedStop(): Watcher {
  return {
    rule: 'no-undecided-stop',
    stopAsked(task, { stored }) {
      const instance = stored.instance(task.instanceId as InstanceId);
      if (!instance || instance.taskId !== task.taskId || !instance.placed) return;
      if (instance.stop?.phase === 'killing') return;
      // a start whose outcome its agent does not know is taken back before it is reported as failed
      const { status } = instance;
      if (status?.taskId !== task.taskId || status.phase !== 'running') return;
      broken(
        'no-undecided-stop',
        `${task.taskId} of ${task.appId} is stopped on ${task.host}, and nobody decided that`,
      );
    },
  };
}

/** What is decided to go never comes back: its place is taken by another instance (promise 7). */
export function noWayBack(): Watcher {
  return {
    rule: 'no-way-back',
    committed({ touched }) {
      for (const { before, after } of touched.instances) {
        if (before?.goal !== 'stopped' || after?.goal !== 'running') continue;
        broken('no-way-back', `${after.id} was to be removed and is wanted again: ${after.cause.text}`);
      }
    },
  };
}

/** UNIQUE and MAX_PER on the host name, as the placing commit leaves them. */
export function constraintsHold(): Watcher {
  return {
    rule: 'constraints',
    committed({ touched }: CommitFact, { stored }) {
      for (const { before, after } of touched.instances) {
        if (!after?.placed || (before?.placed && before.taskId === after.taskId)) continue;
        // an agent alone starts again where it was; only what is placed is looked at
        if (after.status?.autonomous || after.agentId === undefined) continue;
        const { spec } = stored.versionOf(after);
        for (const { field, operator, value } of spec.constraints) {
          if (field !== 'hostname') continue;
          const most = operator === 'UNIQUE' ? 1 : operator === 'MAX_PER' ? Number(value) : Infinity;
          const there = sameKind(stored, after.agentId, after.id);
          if (there + 1 > most) {
            broken(
              'constraints',
              `${after.id} is placed on ${after.agentId}, where ${there} of ${after.appId} are: ${operator} ${value ?? ''}`,
            );
          }
        }
      }
    },
  };

  /** Placed there, of the same config, and neither lost nor on its way out before. */
  function sameKind(stored: World['stored'], agent: AgentId, id: InstanceId): number {
    const instance = stored.instance(id);
    if (!instance) return 0;
    const config = stored.versionOf(instance).lastConfigChangeAt;
    return stored
      .instancesOf(instance.appId)
      .filter(
        (each) =>
          each.id !== id &&
          each.placed &&
          each.agentId === agent &&
          each.unreachableSince === undefined &&
          stored.versionOf(each).lastConfigChangeAt === config,
      ).length;
  }
}

/** No row says any more that it should run there. */
function isGivenUp({ taskId, instanceId }: TaskFact, { stored }: World): boolean {
  const row = stored.instance(instanceId as InstanceId);
  return row?.taskId !== taskId || !row.placed;
}

/** What an agent finds and nobody names may be somebody's whole service: it gets a minute (decisions.md 7). */
const ORPHAN_MS = 60_000;
/** The agent measures it by its own clock. */
const ORPHAN_SLACK_MS = 1_000;

export function orphansGetTheirTime(): Watcher {
  const removedAt = new Map<string, number>();
  return {
    rule: 'orphans-get-their-time',
    committed({ touched }, { now }) {
      for (const { before, after } of touched.instances) {
        // told to stop before it was forgotten with its lost agent: that is carried out whenever it can be
        if (before && !after && before.stop?.phase !== 'killing') removedAt.set(before.id, now);
      }
    },
    stopAsked({ instanceId, taskId, host }, { stored, now }) {
      // of a known instance: decided, or an older incarnation
      if (stored.instance(instanceId as InstanceId)) return;
      const removed = removedAt.get(instanceId);
      if (removed === undefined) return;
      const sinceMs = now - removed;
      if (sinceMs >= ORPHAN_MS - ORPHAN_SLACK_MS) return;
      broken(
        'orphans-get-their-time',
        `${taskId} on ${host} is stopped ${sinceMs} ms after its instance was forgotten; it has ${ORPHAN_MS}`,
      );
    },
  };
}
