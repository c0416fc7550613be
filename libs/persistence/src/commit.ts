// Carries out a commit: fence, guards, writes set by set, then the counters and events, then COMMIT.
// The leader row stays locked from the first statement to the last, so commits are serial and guards cannot go stale in between.
import type { Pool } from 'pg';
import type { Cause, Instance, Reason } from '#libs/model';
import type { StoredEvent } from '#libs/events';
import { DEPLOYMENTS_KEPT, introducedTask, planWrites, portConflict, VERSIONS_KEPT } from '#libs/store';
import type { Commit, CommitResult, Guard, WritePlan } from '#libs/store';
import * as sql from './commit-statements.js';
import { beginFenced } from './leadership.js';
import { withTransaction } from './transaction.js';
import type { Statement, Transaction } from './transaction.js';

const COMMIT: Statement = { name: 'commit.commit', text: 'commit' };
const ROLLBACK: Statement = { name: 'commit.rollback', text: 'rollback' };

export function carryOut(pool: Pool, commit: Commit): Promise<CommitResult> {
  return withTransaction(pool, 'commit', async (transaction) => {
    const result = await attempt(transaction, commit);
    await transaction.runTogether(result.kind === 'committed' ? COMMIT : ROLLBACK);
    return result;
  });
}

async function attempt(
  transaction: Transaction,
  { epoch, guards, writes, events }: Commit,
): Promise<CommitResult> {
  const fencedBy = await beginFenced(transaction, epoch);
  if (fencedBy !== null) return { kind: 'fenced', epoch: fencedBy };
  const failed = await firstFailed(transaction, guards);
  if (failed) return { kind: 'conflict', guard: failed };
  const plan = planWrites(writes);
  await writeDefinitions(transaction, plan);
  const late = await writeInstances(transaction, plan);
  if (late) return portConflict(late);
  await writePeers(transaction, plan);
  await addReasons(transaction, plan);
  await trim(transaction, plan);
  return { kind: 'committed', events: await countAndAppend(transaction, plan, events) };
}

async function firstFailed(transaction: Transaction, guards: readonly Guard[]): Promise<Guard | undefined> {
  for (const kind of ['app', 'group', 'deployment', 'instance'] as const) {
    const ofKind = guards.filter((guard) => guard.kind === kind);
    if (!ofKind.length) continue;
    const revisions = ofKind.map((guard) =>
      guard.kind === 'instance' ? guard.goalRevision : guard.revision,
    );
    const values = [ofKind.map((guard) => guard.id), revisions];
    const [row] = await transaction.run<{ place: number }>(sql.GUARDS[kind], values);
    if (row) return ofKind[row.place - 1];
  }
  return undefined;
}

async function writeDefinitions(transaction: Transaction, plan: WritePlan): Promise<void> {
  await forKeys(transaction, sql.REMOVE_APPS, plan.apps.removed);
  await forKeys(transaction, sql.REMOVE_GROUPS, plan.groups.removed);
  await forRows(
    transaction,
    sql.PUT_GROUPS,
    [...plan.groups.puts.values()],
    [(group) => group.id, (group) => group.revision, (group) => JSON.stringify(group)],
  );
  await forRows(
    transaction,
    sql.PUT_APPS,
    [...plan.apps.puts.values()],
    [(app) => app.id, (app) => app.revision, (app) => app.current.version, (app) => JSON.stringify(app)],
  );
  await forRows(
    transaction,
    sql.ADD_VERSIONS,
    [...plan.versions.puts.values()],
    [(version) => version.spec.id, (version) => version.version, (version) => JSON.stringify(version)],
  );
  await forRows(
    transaction,
    sql.PUT_DEPLOYMENTS,
    [...plan.deployments.puts.values()],
    [
      (deployment) => deployment.id,
      (deployment) => deployment.version,
      (deployment) => deployment.status,
      (deployment) => (deployment.status === 'running' ? null : (deployment.endedAt ?? 0)),
      (deployment) => deployment.revision,
      (deployment) => JSON.stringify(deployment),
    ],
  );
}

/** Gives the first instance that wants a host port of another one, if any. */
async function writeInstances(transaction: Transaction, plan: WritePlan): Promise<Instance | undefined> {
  const puts = [...plan.instances.puts.values()];
  await forKeys(transaction, sql.REMOVE_INSTANCES, plan.instances.removed);
  await putStatuses(transaction, plan.earlyStatuses);
  await forKeys(transaction, sql.RELEASE_PORTS, plan.instances.puts.keys());
  await forRows(transaction, sql.PUT_INSTANCES, puts, [
    (instance) => instance.id,
    (instance) => instance.appId,
    (instance) => instance.version,
    (instance) => instance.agentId ?? null,
    (instance) => instance.placed,
    (instance) => instance.goalRevision,
    ({ status: _, ...control }) => JSON.stringify(control),
  ]);
  await putStatuses(transaction, plan.lateStatuses);
  return claimPorts(transaction, puts);
}

async function putStatuses(transaction: Transaction, statuses: WritePlan['earlyStatuses']): Promise<void> {
  await forRows(
    transaction,
    sql.PUT_STATUSES,
    [...statuses],
    [([id]) => id, ([, status]) => JSON.stringify(status)],
  );
}

interface Claim {
  readonly agent: string;
  readonly port: number;
  readonly instance: Instance;
}

async function claimPorts(
  transaction: Transaction,
  puts: readonly Instance[],
): Promise<Instance | undefined> {
  const claims = puts.flatMap((instance): Claim[] => {
    const { agentId: agent, hostPorts, placed } = instance;
    return placed && agent !== undefined
      ? [...new Set(hostPorts)].filter((port) => port !== 0).map((port) => ({ agent, port, instance }))
      : [];
  });
  const got = await forRows<Claim, { agent_id: string; port: number; instance_id: string }>(
    transaction,
    sql.CLAIM_PORTS,
    claims,
    [({ agent }) => agent, ({ port }) => port, ({ instance }) => instance.id],
  );
  if (got.length === claims.length) return undefined;
  const held = new Set(got.map((row) => `${row.agent_id} ${row.port} ${row.instance_id}`));
  return claims.find(({ agent, port, instance }) => !held.has(`${agent} ${port} ${instance.id}`))?.instance;
}

async function writePeers(transaction: Transaction, plan: WritePlan): Promise<void> {
  await forKeys(transaction, sql.REMOVE_AGENTS, plan.agents.removed);
  await forKeys(transaction, sql.REMOVE_PROXIES, plan.proxies.removed);
  await forRows(
    transaction,
    sql.PUT_AGENTS,
    [...plan.agents.puts.values()],
    [(agent) => agent.info.id, (agent) => JSON.stringify(agent)],
  );
  await forRows(
    transaction,
    sql.PUT_PROXIES,
    [...plan.proxies.puts.values()],
    [(proxy) => proxy.id, (proxy) => JSON.stringify(proxy)],
  );
}

async function addReasons(transaction: Transaction, { reasons }: WritePlan): Promise<void> {
  if (!reasons.length) return;
  const causes = new Map<string, number>();
  const texts = new Map<Cause, string>();
  const placeOf = ({ cause }: Reason): number => {
    const text = texts.get(cause) ?? JSON.stringify(cause);
    texts.set(cause, text);
    const place = causes.get(text) ?? causes.size + 1;
    causes.set(text, place);
    return place;
  };
  const places = reasons.map(placeOf);
  await transaction.run(sql.ADD_REASONS, [
    reasons.map(({ instanceId }) => instanceId),
    reasons.map(({ appId }) => appId),
    reasons.map(introducedTask),
    reasons.map(({ at }) => at),
    // what is a column, or travels once, is left out
    reasons.map(({ instanceId: _, appId: __, at: ___, cause: ____, ...rest }) => JSON.stringify(rest)),
    places,
    [...causes.keys()],
  ]);
}

async function trim(transaction: Transaction, plan: WritePlan): Promise<void> {
  const apps = new Set([...plan.versions.puts.values()].map((version) => version.spec.id));
  if (apps.size) await transaction.run(sql.TRIM_VERSIONS, [[...apps], VERSIONS_KEPT]);
  const ended = [...plan.deployments.puts.values()].some((each) => each.status !== 'running');
  if (ended) await transaction.run(sql.TRIM_DEPLOYMENTS, [DEPLOYMENTS_KEPT]);
}

async function countAndAppend(
  transaction: Transaction,
  plan: WritePlan,
  events: Commit['events'],
): Promise<StoredEvent[]> {
  if (!events.length && plan.tableNumber === null && plan.lastVersion === null) return [];
  const [row] = await transaction.run<{ event_number: string }>(sql.COUNT_AND_APPEND, [
    events.length,
    plan.tableNumber,
    plan.lastVersion,
    events.map((event) => event.type),
    events.map((event) => event.timestamp),
    events.map((event) => JSON.stringify(event.payload)),
  ]);
  const before = Number(row?.event_number) - events.length;
  return events.map((event, index) => ({ ...event, number: before + index + 1 }));
}

async function forKeys(
  transaction: Transaction,
  statement: Statement,
  keys: Iterable<string>,
): Promise<void> {
  const all = [...keys];
  if (all.length) await transaction.run(statement, [all]);
}

/** One statement for all rows: each column travels as one array. */
async function forRows<Row, Result extends object = never>(
  transaction: Transaction,
  statement: Statement,
  rows: readonly Row[],
  columns: readonly ((row: Row) => string | number | boolean | null)[],
): Promise<Result[]> {
  if (!rows.length) return [];
  return transaction.run<Result>(
    statement,
    columns.map((column) => rows.map(column)),
  );
}
