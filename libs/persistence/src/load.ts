// Reads everything a new leader needs in one snapshot, table by table: a statement each, whatever the size.
import type { Pool } from 'pg';
import type {
  AgentNode,
  App,
  AppVersion,
  Deployment,
  Group,
  Instance,
  InstanceStatus,
  ProxyNode,
  Timestamp,
} from '#libs/model';
import type { StoredState } from '#libs/store';
import { MIGRATIONS } from '#migrations';
import { tooNew } from './errors.js';
import { withTransaction } from './transaction.js';
import type { Statement, Transaction } from './transaction.js';

const BEGIN: Statement = { name: 'load.begin', text: 'begin isolation level repeatable read, read only' };
const COMMIT: Statement = { name: 'load.commit', text: 'commit' };
const APPS: Statement = { name: 'load.apps', text: 'select document from apps' };
const GROUPS: Statement = { name: 'load.groups', text: 'select document from groups' };
const VERSIONS: Statement = {
  name: 'load.versions',
  text: `select document from app_versions v
         where exists (select from instances i where i.app_id = v.app_id and i.version = v.version)
           and not exists (select from apps a where a.id = v.app_id and a.current_version = v.version)`,
};
const INSTANCES: Statement = { name: 'load.instances', text: 'select control, status from instances' };
const DEPLOYMENTS: Statement = {
  name: 'load.deployments',
  text: `select document from deployments where status = 'running'`,
};
const AGENTS: Statement = { name: 'load.agents', text: 'select document from agents' };
const PROXIES: Statement = { name: 'load.proxies', text: 'select document from proxies' };
const COUNTERS: Statement = {
  name: 'load.counters',
  text: 'select event_number, table_number, last_version from counters',
};

const BREAKING: Statement = {
  name: 'load.breaking',
  text: `select name from schema_changes where number > $1 and compatibility = 'breaking' order by number desc limit 1`,
};
const NEWEST_KNOWN = Math.max(...MIGRATIONS.map((migration) => new migration().number));

interface Counters {
  readonly event_number: string;
  readonly table_number: string;
  readonly last_version: Timestamp | null;
}

/** Throws SchemaMismatch when a newer release has changed the database since we connected. */
export function loadState(pool: Pool): Promise<StoredState> {
  return withTransaction(pool, 'load', async (transaction) => {
    await transaction.runTogether(BEGIN);
    const [breaking] = await transaction.run<{ name: string }>(BREAKING, [NEWEST_KNOWN]);
    if (breaking) throw tooNew(breaking.name);
    const [counters] = await transaction.run<Counters>(COUNTERS);
    const state = {
      apps: await documents<App>(transaction, APPS),
      groups: await documents<Group>(transaction, GROUPS),
      versions: await documents<AppVersion>(transaction, VERSIONS),
      instances: await instances(transaction),
      deployments: await documents<Deployment>(transaction, DEPLOYMENTS),
      agents: await documents<AgentNode>(transaction, AGENTS),
      proxies: await documents<ProxyNode>(transaction, PROXIES),
      tableNumber: Number(counters?.table_number ?? 0),
      eventNumber: Number(counters?.event_number ?? 0),
      lastVersion: counters?.last_version ?? null,
    };
    await transaction.runTogether(COMMIT);
    return state;
  });
}

async function documents<T>(transaction: Transaction, statement: Statement): Promise<T[]> {
  return (await transaction.run<{ document: T }>(statement)).map((row) => row.document);
}

async function instances(transaction: Transaction): Promise<Instance[]> {
  const rows = await transaction.run<{ control: Instance; status: InstanceStatus | null }>(INSTANCES);
  return rows.map(({ control, status }) => (status === null ? control : { ...control, status }));
}
