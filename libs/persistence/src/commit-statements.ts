// The statements of a commit, one per kind of write: rows travel as arrays, so a thousand rows cost one round trip and one plan
// (40,000 rows/s against 2,500 single commits/s here). All of them reach their rows by primary key or the index named beside them.
import type { Statement } from './transaction.js';

export const REMOVE_APPS: Statement = {
  name: 'commit.remove-app',
  text: 'with gone as (delete from app_versions where app_id = any($1::text[])) delete from apps where id = any($1::text[])',
};
export const PUT_APPS: Statement = {
  name: 'commit.put-app',
  text: `insert into apps (id, revision, current_version, document)
         select * from unnest($1::text[], $2::bigint[], $3::text[], $4::json[])
         on conflict (id) do update set
           revision = excluded.revision, current_version = excluded.current_version, document = excluded.document`,
};
export const ADD_VERSIONS: Statement = {
  name: 'commit.add-version',
  text: `insert into app_versions (app_id, version, document)
         select * from unnest($1::text[], $2::text[], $3::json[])
         on conflict (app_id, version) do nothing`,
};
// instances_by_version answers the last condition
export const TRIM_VERSIONS: Statement = {
  name: 'commit.trim-versions',
  text: `delete from app_versions old
         using (select app_id, version, row_number() over (partition by app_id order by version desc) as place
                from app_versions where app_id = any($1::text[])) ranked
         where old.app_id = ranked.app_id and old.version = ranked.version and ranked.place > $2
           and not exists (select from apps where id = old.app_id and current_version = old.version)
           and not exists (select from instances i where i.app_id = old.app_id and i.version = old.version)`,
};

export const PUT_GROUPS: Statement = {
  name: 'commit.put-group',
  text: `insert into groups (id, revision, document) select * from unnest($1::text[], $2::bigint[], $3::json[])
         on conflict (id) do update set revision = excluded.revision, document = excluded.document`,
};

export const PUT_DEPLOYMENTS: Statement = {
  name: 'commit.put-deployment',
  text: `insert into deployments (id, version, status, ended_at, revision, document)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::json[])
         on conflict (id) do update set
           version = excluded.version, status = excluded.status, ended_at = excluded.ended_at,
           revision = excluded.revision, document = excluded.document`,
};
// deployments_ended gives the order
export const TRIM_DEPLOYMENTS: Statement = {
  name: 'commit.trim-deployments',
  text: `delete from deployments where id in (
           select id from deployments where status <> 'running'
           order by ended_at desc, version desc, id desc offset $1)`,
};

export const REMOVE_INSTANCES: Statement = {
  name: 'commit.remove-instance',
  text: 'delete from instances where id = any($1::text[])',
};
/** Leaves `status` as it is. */
export const PUT_INSTANCES: Statement = {
  name: 'commit.put-instance',
  text: `insert into instances (id, app_id, version, agent_id, placed, goal_revision, control)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::json[])
         on conflict (id) do update set
           app_id = excluded.app_id, version = excluded.version, agent_id = excluded.agent_id,
           placed = excluded.placed, goal_revision = excluded.goal_revision, control = excluded.control`,
};
/** Leaves everything but `status` as it is; an unknown id is nothing. */
export const PUT_STATUSES: Statement = {
  name: 'commit.put-status',
  text: `update instances set status = reported.status
         from unnest($1::text[], $2::json[]) reported (id, status) where instances.id = reported.id`,
};
// port_claims_by_instance
export const RELEASE_PORTS: Statement = {
  name: 'commit.release-ports',
  text: 'delete from port_claims where instance_id = any($1::text[])',
};
/** Returns the claims that it got; the others are held by another instance. */
export const CLAIM_PORTS: Statement = {
  name: 'commit.claim-ports',
  text: `insert into port_claims (agent_id, port, instance_id)
         select * from unnest($1::text[], $2::int[], $3::text[])
         on conflict do nothing
         returning agent_id, port, instance_id`,
};

/**
 * In the order of the arrays. Thousands of reasons of one commit have the same cause, which travels once: $6 says which of $7 is whose.
 * Putting the texts together here halves the time of the whole statement.
 */
export const ADD_REASONS: Statement = {
  name: 'commit.add-reason',
  text: `insert into reasons (instance_id, app_id, task_id, at, document)
         select instance_id, app_id, task_id, at, ('{"cause":' || cause.document || ',' || substr(rest, 2))::json
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::int[])
           with ordinality as reason (instance_id, app_id, task_id, at, rest, cause, place)
         join unnest($7::text[]) with ordinality as cause (document, place) on cause.place = reason.cause
         order by reason.place`,
};

const putDocuments = (table: string): Statement => ({
  name: `commit.put-${table}`,
  text: `insert into ${table} (id, document) select * from unnest($1::text[], $2::json[])
         on conflict (id) do update set document = excluded.document`,
});
const removeRows = (table: string): Statement => ({
  name: `commit.remove-${table}`,
  text: `delete from ${table} where id = any($1::text[])`,
});
export const REMOVE_GROUPS = removeRows('groups');
export const PUT_AGENTS = putDocuments('agents');
export const REMOVE_AGENTS = removeRows('agents');
export const PUT_PROXIES = putDocuments('proxies');
export const REMOVE_PROXIES = removeRows('proxies');

/** The one-row counters and the numbered events, last before the commit: $1 is how many events there are. */
export const COUNT_AND_APPEND: Statement = {
  name: 'commit.events',
  text: `with counted as (
           update counters set
             event_number = event_number + $1::bigint,
             table_number = coalesce($2::bigint, table_number),
             last_version = greatest(last_version, $3::text)
           returning event_number),
         appended as (
           insert into events (number, type, timestamp, payload)
           select counted.event_number - $1::bigint + event.place, event.type, event.timestamp, event.payload
           from counted, unnest($4::text[], $5::text[], $6::json[])
             with ordinality as event (type, timestamp, payload, place))
         select event_number from counted`,
};

const guard = (kind: string, table: string, column: string): Statement => ({
  name: `commit.guard-${kind}`,
  text: `select guard.place::int as place
         from unnest($1::text[], $2::bigint[]) with ordinality as guard (id, revision, place)
         left join ${table} on ${table}.id = guard.id
         where ${table}.${column} is distinct from guard.revision order by 1 limit 1`,
});
/** Give the 1-based place of the first guard that does not hold. */
export const GUARDS = {
  app: guard('app', 'apps', 'revision'),
  group: guard('group', 'groups', 'revision'),
  deployment: guard('deployment', 'deployments', 'revision'),
  instance: guard('instance', 'instances', 'goal_revision'),
} as const;
