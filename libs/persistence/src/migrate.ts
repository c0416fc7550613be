// Brings a database to this release's schema, and refuses one that a newer release changed in a way this one cannot work with.
// Any number of processes may do this at once: an advisory lock lets one of them migrate while the others wait and then find it done.
import type { DataSource } from 'typeorm';
import type { Logger } from '#libs/telemetry';
import { MIGRATIONS } from '#migrations';
import type { Compatibility, ReviewedMigration } from '#migrations';
import { newMigrationSource } from './data-source.js';
import { SchemaMismatch, tooNew, translated } from './errors.js';

/** 'longrun' in ASCII, as far as 48 bits hold it: one lock per database, taken only while migrating. */
const MIGRATION_LOCK = 0x6c6f6e677275;

interface SchemaChange {
  readonly number: number;
  readonly name: string;
  readonly compatibility: Compatibility;
}

export interface MigrateOptions {
  readonly url: string;
  readonly logger: Logger;
  /** For tests of the rules; the list of migrations/index.ts otherwise. */
  readonly migrations?: readonly (new () => ReviewedMigration)[];
  /** False: only check, and refuse a database that is behind. */
  readonly apply?: boolean;
}

/** Throws SchemaMismatch or StoreUnavailable. */
export async function migrate({ url, logger, migrations = MIGRATIONS, apply = true }: MigrateOptions) {
  const source = newMigrationSource(url, logger, migrations);
  try {
    await source.initialize();
    const known = migrations.map((migration) => new migration().number);
    if (missing(await schemaChanges(source), known).length === 0) return;
    if (!apply)
      throw new SchemaMismatch('the database lacks migrations of this release: start the control plane once');
    await migrateLocked(source, known, logger);
  } catch (error) {
    throw translated('migrate', error);
  } finally {
    if (source.isInitialized) await source.destroy();
  }
}

async function migrateLocked(source: DataSource, known: readonly number[], logger: Logger): Promise<void> {
  const holder = source.createQueryRunner();
  try {
    await holder.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    if (missing(await schemaChanges(source), known).length === 0) return;
    const done = await source.runMigrations();
    logger.info({ event: 'migrated', migrations: done.map((each) => each.name) }, 'database migrated');
  } finally {
    // Ends the session's lock also if the query above failed halfway.
    await holder.query('select pg_advisory_unlock_all()').finally(() => holder.release());
  }
}

/** The numbers of ours that the database lacks; throws if it has a breaking one that we do not know. */
function missing(applied: readonly SchemaChange[], known: readonly number[]): number[] {
  const newest = Math.max(0, ...known);
  const breaking = applied.filter((each) => each.number > newest && each.compatibility === 'breaking').at(-1);
  if (breaking) throw tooNew(breaking.name);
  const present = new Set(applied.map((each) => each.number));
  return known.filter((number) => !present.has(number));
}

async function schemaChanges(source: DataSource): Promise<readonly SchemaChange[]> {
  const [{ present }] = await source.query(`select to_regclass('schema_changes') is not null as present`);
  if (!present) return [];
  return source.query('select number, name, compatibility from schema_changes order by number');
}
