// Folds the ordered writes of a commit into what each row must be afterwards, so that a store needs one statement per kind of write.
// Applied in the order removals, early statuses, puts, late statuses, trimming, the result is that of the writes one by one.
import type {
  AgentId,
  AgentNode,
  App,
  AppId,
  AppVersion,
  Deployment,
  DeploymentId,
  Group,
  GroupId,
  Instance,
  InstanceId,
  InstanceStatus,
  ProxyId,
  ProxyNode,
  Reason,
  Timestamp,
} from '#libs/model';
import type { Write } from './store.js';

/** Rows of one kind: `removed` first, then `puts`; a key in both is removed and made anew. */
export class RowChanges<Key extends string, Row> {
  readonly removed = new Set<Key>();
  readonly puts = new Map<Key, Row>();

  put(key: Key, row: Row): void {
    this.puts.set(key, row);
  }

  remove(key: Key): void {
    this.puts.delete(key);
    this.removed.add(key);
  }
}

export interface WritePlan {
  /** Removing an app removes its stored versions. */
  readonly apps: RowChanges<AppId, App>;
  readonly groups: RowChanges<GroupId, Group>;
  /** By app and version; nothing is removed through this one. */
  readonly versions: RowChanges<string, AppVersion>;
  readonly deployments: RowChanges<DeploymentId, Deployment>;
  readonly instances: RowChanges<InstanceId, Instance>;
  /** For rows that exist before the puts. */
  readonly earlyStatuses: Map<InstanceId, InstanceStatus>;
  /** For rows that exist after the puts. */
  readonly lateStatuses: Map<InstanceId, InstanceStatus>;
  readonly agents: RowChanges<AgentId, AgentNode>;
  readonly proxies: RowChanges<ProxyId, ProxyNode>;
  readonly tableNumber: number | null;
  /** In their order. */
  readonly reasons: Reason[];
  /** Newest version timestamp that these writes give out. */
  readonly lastVersion: Timestamp | null;
}

type Draft = { -readonly [Member in keyof WritePlan]: WritePlan[Member] };

export function planWrites(writes: readonly Write[]): WritePlan {
  const plan: Draft = {
    apps: new RowChanges(),
    groups: new RowChanges(),
    versions: new RowChanges(),
    deployments: new RowChanges(),
    instances: new RowChanges(),
    earlyStatuses: new Map(),
    lateStatuses: new Map(),
    agents: new RowChanges(),
    proxies: new RowChanges(),
    tableNumber: null,
    reasons: [],
    lastVersion: null,
  };
  for (const write of writes) fold(plan, write);
  return plan;
}

function fold(plan: Draft, write: Write): void {
  switch (write.kind) {
    case 'put-app':
      plan.lastVersion = newer(plan.lastVersion, write.app.current.version);
      return plan.apps.put(write.app.id, write.app);
    case 'remove-app':
      return removeApp(plan, write.id);
    case 'add-version':
      return addVersion(plan, write.version);
    case 'put-group':
      plan.lastVersion = newer(plan.lastVersion, write.group.version);
      return plan.groups.put(write.group.id, write.group);
    case 'remove-group':
      return plan.groups.remove(write.id);
    case 'put-deployment':
      plan.lastVersion = newer(plan.lastVersion, write.deployment.version);
      return plan.deployments.put(write.deployment.id, write.deployment);
    case 'put-instance':
      return plan.instances.put(write.instance.id, write.instance);
    case 'put-status':
      return putStatus(plan, write.id, write.status);
    case 'remove-instance':
      plan.earlyStatuses.delete(write.id);
      plan.lateStatuses.delete(write.id);
      return plan.instances.remove(write.id);
    case 'put-agent':
      return plan.agents.put(write.agent.info.id, write.agent);
    case 'remove-agent':
      return plan.agents.remove(write.id);
    case 'put-proxy':
      return plan.proxies.put(write.proxy.id, write.proxy);
    case 'remove-proxy':
      return plan.proxies.remove(write.id);
    case 'set-table-number':
      plan.tableNumber = write.number;
      return;
    case 'add-reason':
      plan.reasons.push(write.reason);
  }
}

function removeApp(plan: Draft, id: AppId): void {
  plan.apps.remove(id);
  for (const [key, version] of plan.versions.puts) {
    if (version.spec.id === id) plan.versions.puts.delete(key);
  }
}

/** A version is immutable: of two with the same timestamp the first one stays. */
function addVersion(plan: Draft, version: AppVersion): void {
  plan.lastVersion = newer(plan.lastVersion, version.version);
  const key = `${version.spec.id} ${version.version}`;
  if (!plan.versions.puts.has(key)) plan.versions.put(key, version);
}

function putStatus(plan: Draft, id: InstanceId, status: InstanceStatus): void {
  if (plan.instances.puts.has(id)) plan.lateStatuses.set(id, status);
  else if (!plan.instances.removed.has(id)) plan.earlyStatuses.set(id, status);
}

const newer = (known: Timestamp | null, given: Timestamp): Timestamp =>
  known !== null && known > given ? known : given;
