// Reasons of changes (promise 9): made in one place, from the rows before and after each decision of a pass or grant of the gatekeeper,
// and from its cause. They are committed with the rows. `unexplainedChanges` is the other way round: what rows say and no reason tells.
import type { Cause, Instance, InstanceId, Reason, ReasonWhat } from '#libs/model';
import type { Write } from '#libs/store';

/** A Decision is one; of a command: what the gatekeeper granted, and what was asked of it. */
export interface CausedWrites {
  readonly cause: Cause;
  readonly writes: readonly Write[];
}

/** The rows before all of it; a ClusterSnapshot is one. */
export interface RowsBefore {
  instance(id: InstanceId): Instance | undefined;
  readonly tableNumber: number;
}

/** A reason for each change of an instance, in the order of the decisions; to be committed together with them. */
export function reasonWrites(rows: RowsBefore, changes: readonly CausedWrites[], now: number): Write[] {
  const current = new Map<InstanceId, Instance | null>();
  const reasons: Write[] = [];
  for (const { cause, writes } of changes) {
    for (const write of writes) {
      if (write.kind !== 'put-instance' && write.kind !== 'remove-instance') continue;
      const after = write.kind === 'put-instance' ? write.instance : null;
      const id = after ? after.id : (write as { readonly id: InstanceId }).id;
      const before = current.has(id) ? (current.get(id) ?? null) : (rows.instance(id) ?? null);
      current.set(id, after);
      const reason = reasonOf(before, after, cause, rows.tableNumber + 1, now);
      if (reason) reasons.push({ kind: 'add-reason', reason });
    }
  }
  return reasons;
}

function reasonOf(
  before: Instance | null,
  after: Instance | null,
  cause: Cause,
  nextTable: number,
  at: number,
): Reason | null {
  const what = whatHappened(before, after);
  // a task that ends is the one of before, whatever comes next
  const row = after ?? before;
  if (what === null || !row) return null;
  const { id: instanceId, appId, incarnation, taskId, agentId } = row;
  return {
    instanceId,
    appId,
    at,
    what,
    cause,
    incarnation,
    ...(taskId === undefined ? {} : { taskId }),
    ...(agentId === undefined ? {} : { agentId }),
    ...(what === 'launched' && row.hostPorts.length ? { hostPorts: row.hostPorts } : {}),
    ...(isRerouted(before, after) ? { tableNumber: nextTable } : {}),
  };
}

interface Rule {
  readonly what: ReasonWhat;
  readonly fits: (before: Instance, after: Instance) => boolean;
}

/** First match wins: a change that says more comes first. What fits none is a note that needs no reason. */
const RULES: readonly Rule[] = [
  { what: 'ended', fits: (before, after) => before.placed && !after.placed },
  // a task id that was reported before it was chosen was chosen by the agent
  {
    what: 'adopted',
    fits: (before, after) => before.taskId !== after.taskId && before.status?.taskId === after.taskId,
  },
  { what: 'launched', fits: (before, after) => after.placed && before.taskId !== after.taskId },
  {
    what: 'stop-requested',
    fits: (before, after) =>
      after.stop !== undefined && (!before.stop || before.stop.then !== after.stop.then),
  },
  { what: 'draining', fits: (before, after) => enters('draining', before, after) },
  { what: 'killing', fits: (before, after) => enters('killing', before, after) },
  { what: 'suspect', fits: (before, after) => after.routing === 'suspect' && before.routing !== 'suspect' },
  {
    what: 'unreachable',
    fits: (before, after) => before.unreachableSince === undefined && after.unreachableSince !== undefined,
  },
  {
    what: 'back',
    fits: (before, after) => before.unreachableSince !== undefined && after.unreachableSince === undefined,
  },
  { what: 'routed', fits: (before, after) => after.routing === 'in' && before.routing !== 'in' },
  { what: 'unrouted', fits: (before, after) => after.routing === 'out' && before.routing !== 'out' },
];

function whatHappened(before: Instance | null, after: Instance | null): ReasonWhat | null {
  if (!before) return after ? 'created' : null;
  if (!after) return 'removed';
  return RULES.find(({ fits }) => fits(before, after))?.what ?? null;
}

const enters = (phase: 'draining' | 'killing', before: Instance, after: Instance): boolean =>
  after.stop?.phase === phase && before.stop?.phase !== phase;

const isRerouted = (before: Instance | null, after: Instance | null): boolean =>
  (before?.routing ?? 'out') !== (after?.routing ?? 'out');

/**
 * What differs between two committed states of an instance (null: it is not there) and none of these reasons, committed in between,
 * explains; sentences for a person, none when all is well. For checks after each commit.
 */
export function unexplainedChanges(
  before: Instance | null,
  after: Instance | null,
  reasons: readonly Reason[],
): readonly string[] {
  const id = (after ?? before)?.id;
  const told = reasons.filter(({ instanceId }) => instanceId === id);
  const tells = (...whats: readonly ReasonWhat[]): boolean => told.some(({ what }) => whats.includes(what));
  const missing: string[] = [];
  const need = (isChanged: boolean, isTold: boolean, text: string): void => {
    if (isChanged && !isTold) missing.push(`${id}: ${text}`);
  };
  need(!before && after !== null, tells('created'), 'it was created');
  need(before !== null && !after, tells('removed'), 'it was removed');
  const isMoved = isRerouted(before, after);
  const hasNumber = told.some(({ tableNumber }) => tableNumber !== undefined);
  need(isMoved, hasNumber, `its routing went from ${before?.routing ?? 'out'} to ${after?.routing ?? 'out'}`);
  if (!after) return missing;
  const isOther = before?.taskId !== after.taskId || (before?.agentId !== after.agentId && after.placed);
  const isLaunchTold = told.some(
    ({ what, taskId }) => (what === 'launched' || what === 'adopted') && taskId === after.taskId,
  );
  need(isOther, isLaunchTold, `task ${after.taskId} on agent ${after.agentId} is new`);
  need(
    Boolean(before?.placed) && (!after.placed || isOther),
    tells('ended', 'adopted'),
    `task ${before?.taskId} is over`,
  );
  need(
    after.goal === 'stopped' && before?.goal === 'running',
    tells('stop-requested'),
    'it is to be stopped',
  );
  const { stop } = after;
  need(stop !== undefined && before?.stop?.then !== stop.then, tells('stop-requested'), 'a stop began');
  const isNextPhase = stop !== undefined && stop.phase !== (before?.stop?.phase ?? 'unrouting');
  need(isNextPhase, stop !== undefined && tells(stop.phase as ReasonWhat), `its stop is ${stop?.phase} now`);
  need(!stop && before?.stop !== undefined, tells('ended', 'adopted'), 'its stop is over');
  const isReached = (before?.unreachableSince === undefined) !== (after.unreachableSince === undefined);
  need(
    isReached,
    tells('suspect', 'unreachable', 'back', 'ended', 'adopted'),
    'its agent was lost or came back',
  );
  return missing;
}

/** `unexplainedChanges` of every instance that one commit writes. `rows`: as they were before it. */
export function unexplainedWrites(
  rows: Pick<RowsBefore, 'instance'>,
  writes: readonly Write[],
): readonly string[] {
  const after = new Map<InstanceId, Instance | null>();
  const reasons: Reason[] = [];
  for (const write of writes) {
    if (write.kind === 'put-instance') after.set(write.instance.id, write.instance);
    else if (write.kind === 'remove-instance') after.set(write.id, null);
    else if (write.kind === 'add-reason') reasons.push(write.reason);
  }
  return [...after].flatMap(([id, row]) => unexplainedChanges(rows.instance(id) ?? null, row, reasons));
}
