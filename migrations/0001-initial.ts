// breaking (the first one): every table of the control plane.
//
// What the control plane keeps whole is one `json` document per row; what is guarded, joined or trimmed by is a real column beside it.
// `json` and not `jsonb`: jsonb refuses U+0000 and lone surrogates, which the end of a task's stderr may contain, and a status must
// never be refused for its text; no statement of ours looks inside a document.
// Versions are compared as text: collation "C" everywhere, whatever the database's own.
import { ReviewedMigration } from './reviewed-migration.js';

export class Initial extends ReviewedMigration {
  readonly number = 1;
  readonly name = 'Initial1763769600000';
  readonly compatibility = 'breaking';
  readonly statements = [
    `create table schema_changes (
       number int primary key,
       name text not null unique,
       compatibility text not null check (compatibility in ('compatible', 'breaking')),
       applied_at timestamptz not null default now()
     )`,

    // Tables of one row: "single" is its key.
    `create table cluster (
       single boolean primary key default true check (single),
       id text not null
     )`,
    `create table leader (
       single boolean primary key default true check (single),
       holder text not null default '',
       address text not null default '',
       epoch bigint not null default 0,
       until timestamptz not null default '-infinity'
     )`,
    `insert into leader default values`,
    `create table counters (
       single boolean primary key default true check (single),
       event_number bigint not null default 0,
       table_number bigint not null default 0,
       last_version text collate "C"
     )`,
    `insert into counters default values`,

    `create table apps (
       id text primary key,
       revision bigint not null,
       current_version text collate "C" not null,
       document json not null
     )`,
    `create table app_versions (
       app_id text not null,
       version text collate "C" not null,
       document json not null,
       primary key (app_id, version)
     )`,
    `create table deployments (
       id text primary key,
       version text collate "C" not null,
       status text not null check (status in ('running', 'succeeded', 'failed', 'cancelled')),
       ended_at bigint,
       revision bigint not null,
       document json not null
     )`,
    `create index deployments_running on deployments (id) where status = 'running'`,
    `create index deployments_ended on deployments (ended_at desc, version desc, id desc) where status <> 'running'`,

    // control: what the control plane wants, counted by goal_revision. status: the newest report, written by status intake only.
    // Room in each page keeps status updates from touching the indexes (HOT).
    `create table instances (
       id text primary key,
       app_id text not null,
       version text collate "C" not null,
       agent_id text,
       placed boolean not null,
       goal_revision bigint not null,
       control json not null,
       status json
     ) with (fillfactor = 70)`,
    `create index instances_by_version on instances (app_id, version)`,
    // The last line of defence against two owners of a host port (architecture.md 5): the host ports of placed instances.
    `create table port_claims (
       agent_id text not null,
       port int not null,
       instance_id text not null references instances on delete cascade,
       primary key (agent_id, port)
     )`,
    `create index port_claims_by_instance on port_claims (instance_id)`,

    `create table agents (id text primary key, document json not null)`,
    `create table proxies (id text primary key, document json not null) with (fillfactor = 50)`,

    // Numbers are gapless and in commit order: they come from counters.event_number under its row lock, never from a sequence.
    `create table events (
       number bigint primary key,
       type text not null,
       timestamp text not null,
       payload json not null,
       recorded_at timestamptz not null default clock_timestamp()
     )`,
    `create index events_by_age on events using brin (recorded_at)`,

    `create table tokens (
       sha256 text primary key,
       role text not null check (role in ('agent', 'proxy')),
       created_at timestamptz not null default now()
     )`,
  ];
}
