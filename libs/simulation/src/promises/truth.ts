// Promises 7, 8 and 5: stale leaders change nothing, nothing acknowledged is lost, the brake; and what must never be logged.
import type { AppId, Instance, InstanceId, InstanceStatus, TaskId } from '#libs/model';
import type { WorkingSet } from '#libs/control-core';
import { broken, type Watcher } from './watch.js';

/** An agent that followed a leader never follows an older one again. As it acts, for what it said may be read late by a former leader. */
export function epochsOnlyGrow(): Watcher {
  const followed = new Map<string, number>();
  return {
    rule: 'epochs-only-grow',
    followed(agent, epoch) {
      const highest = followed.get(agent) ?? 0;
      if (epoch < highest)
        broken(
          'epochs-only-grow',
          `${agent} carries out assignments of epoch ${epoch} after those of ${highest}`,
        );
      followed.set(agent, epoch);
    },
  };
}

/** A status that an agent was told is stored can be found, or a newer one. */
export function statusesKept(): Watcher {
  return {
    rule: 'older-status-wins',
    committed({ touched }) {
      for (const { before, after } of touched.instances) {
        const [old, now] = [before?.status, after?.status];
        if (!old || !now || old === now || old.instanceId !== now.instanceId) continue;
        const isSameTask = now.taskId === old.taskId;
        const isOlder = now.run < old.run || (now.run === old.run && now.sequence < old.sequence);
        // another agent counts anew; what it says is of a later incarnation
        if (isSameTask ? isOlder : now.incarnation < old.incarnation)
          broken(
            'older-status-wins',
            `report ${now.run}/${now.sequence} of ${now.taskId} replaced ${old.run}/${old.sequence}`,
          );
      }
    },
  };
}

/** An agent repeats a report until it is acknowledged, and never after: by then it, or a newer one, must be stored (promise 8). */
export function acknowledgedReportsAreStored(): Watcher {
  const sessions = new Map<string, Map<InstanceId, InstanceStatus>>();
  return {
    rule: 'reports-stored-before-acknowledged',
    heard(agent, frame, epoch) {
      if (epoch === null) return;
      const key = `${agent} ${epoch}`;
      if (frame.type === 'hello') sessions.set(key, new Map());
      if (frame.type !== 'statuses') return;
      for (const item of frame.items) sessions.get(key)?.set(item.instanceId, item);
    },
    said(agent, frame, epoch, { stored }) {
      if (frame.type !== 'statuses-ack' || epoch === null) return;
      const waiting = sessions.get(`${agent} ${epoch}`);
      for (const [id, item] of waiting ?? []) {
        if (item.sequence > frame.sequence) continue;
        waiting?.delete(id);
        const row = stored.instance(id);
        // of another agent, or of another life of the instance: such a report will never count
        if (row?.agentId !== agent || row.taskId !== item.taskId || row.incarnation !== item.incarnation)
          continue;
        const { status } = row;
        const isStored =
          status !== undefined &&
          (status.incarnation > item.incarnation ||
            status.run > item.run ||
            (status.run === item.run && status.sequence >= item.sequence));
        if (isStored) continue;
        broken(
          'reports-stored-before-acknowledged',
          `report ${item.run}/${item.sequence} of ${item.taskId} is acknowledged; stored is ${status ? `${status.run}/${status.sequence}` : 'none'}`,
        );
      }
    },
  };
}

/** What a leader tells its agents was committed before, by it or by another one (promise 7). */
export function toldIsStored(): Watcher {
  const stored = new Set<TaskId>();
  return {
    rule: 'told-is-stored',
    committed({ touched }) {
      for (const { after } of touched.instances) {
        if (after?.taskId) stored.add(after.taskId);
        // what an agent started by itself is known by its report
        if (after?.status) stored.add(after.status.taskId);
      }
    },
    said(agent, frame, epoch) {
      if (frame.type !== 'assignments') return;
      for (const { taskId } of frame.items) {
        if (stored.has(taskId)) continue;
        broken('told-is-stored', `${agent} is told of ${taskId} in epoch ${epoch}; that is stored nowhere`);
      }
    },
  };
}

/** What was answered with success is stored, and stays until somebody changes it. */
export function acknowledgedIsKept(): Watcher {
  const wanted = new Map<AppId, string | null>();
  return {
    rule: 'nothing-acknowledged-is-lost',
    acknowledged({ app, version }) {
      wanted.set(app, version);
    },
    swept({ stored }) {
      for (const [id, version] of wanted) {
        if (version === null) continue;
        const app = stored.apps.get(id);
        if (app && app.current.version >= version) continue;
        broken(
          'nothing-acknowledged-is-lost',
          `${id} was acknowledged in version ${version}; stored is ${app?.current.version ?? 'nothing'}`,
        );
      }
    },
  };
}

/** The leader's copy of what is stored is what is stored. Looked at when nothing is on its way. */
export function copyIsTrue(): Watcher {
  return {
    rule: 'copy-is-true',
    ended({ stored, believed }) {
      if (!believed) broken('copy-is-true', 'nobody leads');
      const rows = (of: WorkingSet): string =>
        [
          `table ${of.tableNumber}`,
          ...[...of.apps.values()].map(({ id, revision }) => `app ${id} ${revision}`),
          ...[...of.instances()].map(
            ({ id, goalRevision, status }) =>
              `instance ${id} ${goalRevision} ${status?.run} ${status?.sequence}`,
          ),
          ...[...of.deployments.values()].map(({ id, revision }) => `deployment ${id} ${revision}`),
          ...[...of.groups.values()].map(({ id, revision }) => `group ${id} ${revision}`),
          ...[...of.agents.values()].map(({ info, liveness }) => `agent ${info.id} ${liveness}`),
        ]
          .sort()
          .join('\n');
      const [copy, truth] = [rows(believed), rows(stored)];
      if (copy !== truth) broken('copy-is-true', `the leader believes\n${copy}\nstored is\n${truth}`);
    },
  };
}

/** What was healthy for less may be a release that turns bad, and is killed as such (docs/design/health.md: 10 s); clocks drift. */
const PROVEN_MS = 11_000;

/** From its first good answer to its last. */
const wellForMs = ({ status }: Instance): number =>
  Math.max(
    0,
    ...(status?.health ?? []).map((each) => (each?.lastSuccessAt ?? 0) - (each?.firstSuccessAt ?? 0)),
  );

const BRAKE_WINDOW_MS = 60_000;

/** A checker that lies does not get a large part of an app killed at once. */
export function massKill(): Watcher {
  const kills = new Map<AppId, { readonly at: number; readonly id: InstanceId }[]>();
  return {
    rule: 'mass-kill-brake',
    committed({ touched }, world) {
      for (const { before, after } of touched.instances) {
        if (!before || before.stop || after?.stop?.cause.kind !== 'health' || !before.taskId) continue;
        if (!world.task(before.taskId)?.isWell || wellForMs(before) < PROVEN_MS) continue;
        const app = world.stored.apps.get(before.appId);
        const recent = [
          ...(kills.get(before.appId) ?? []).filter(
            // one that is killed again is no other one
            ({ at, id }) => world.now - at < BRAKE_WINDOW_MS && id !== before.id,
          ),
          { at: world.now, id: before.id },
        ];
        kills.set(before.appId, recent);
        // in a rollout there are more than are wanted
        const exist = world.stored.instancesOf(before.appId).length;
        const n = Math.max(app?.current.spec.instances ?? 0, exist);
        if (recent.length < 4 || recent.length * 2 < n) continue;
        broken(
          'mass-kill-brake',
          `${recent.length} tasks of ${before.appId} that are well were killed for their health within a minute`,
        );
      }
    },
  };
}

/** Decisions that broke an invariant at run time, and passes that threw: bugs, whatever came of them. */
export function noBugsLogged(): Watcher {
  const BUGS = [/^dropped decisions/, /could not be reconciled/];
  return {
    rule: 'bug-logged',
    erred(process, fields, text) {
      if (BUGS.some((each) => each.test(text)))
        broken('bug-logged', `${process}: ${text} ${JSON.stringify(fields, plainErrors).slice(0, 600)}`);
    },
  };
}

const plainErrors = (_name: string, value: unknown): unknown =>
  value instanceof Error ? (value.stack ?? value.message).split('\n').slice(0, 6).join(' | ') : value;
