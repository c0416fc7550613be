// The one way this lib opens Postgres: a TypeORM DataSource over a small pool of pg, with a bound on everything that could hang.
import pg from 'pg';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import type { Logger } from '#libs/telemetry';
import { AppVersionEntity, DeploymentEntity, TokenEntity } from './entities.js';

/**
 * TLS comes through the URL as pg understands it: `?sslmode=verify-full&sslrootcert=/path/ca.pem` (also sslcert, sslkey).
 * A unix socket: `postgres:///longrun?host=/run/postgresql&user=longrun`.
 */
export interface PostgresOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Connections at most, besides the one of the lease; the control plane writes through one at a time, the others read. Default 6. */
  readonly poolSize?: number;
}

/** Below the lease of 10 s: who cannot get an answer in this time could not have kept leading anyway. */
const STATEMENT_TIMEOUT_MS = 8_000;
/** Waiting for the leader row means that somebody else's commit is stuck. */
const LOCK_TIMEOUT_MS = 5_000;
/** A stopped or cut-off leader must not hold the leader row against its successor. */
const IDLE_IN_TRANSACTION_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

export function newDataSource({ url, logger, poolSize = 6 }: PostgresOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    applicationName: 'longrun',
    entities: [AppVersionEntity, DeploymentEntity, TokenEntity],
    synchronize: false,
    installExtensions: false,
    logging: false,
    poolSize,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    poolErrorHandler: brokeIdle(logger),
    extra: { ...boundsOf(url), lock_timeout: LOCK_TIMEOUT_MS },
  });
}

/**
 * One connection for the lease alone: renewing it waits for no reader and no writer of ours. Nor does it give up on the leader row for a
 * commit of ours that takes long on a busy machine: while that holds the row nobody else can take it.
 */
export function newLeasePool({ url, logger }: PostgresOptions): Pool {
  const pool = new pg.Pool({
    ...boundsOf(url),
    lock_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'longrun lease',
    max: 1,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  pool.on('error', brokeIdle(logger));
  return pool;
}

const boundsOf = (url: string) => ({
  connectionString: url,
  statement_timeout: STATEMENT_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  // on our side too, for a peer that no longer answers at all
  query_timeout: STATEMENT_TIMEOUT_MS + 2_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 5_000,
  idleTimeoutMillis: 60_000,
});

const brokeIdle =
  (logger: Logger) =>
  (error: Error & { code?: string }): void =>
    logger.warn(
      { event: 'database-connection-lost', code: error.code },
      'an idle connection to Postgres broke',
    );

/** For migrations, which may take long and wait for each other. */
export function newMigrationSource(
  url: string,
  logger: Logger,
  migrations: readonly (new () => object)[],
): DataSource {
  return new DataSource({
    type: 'postgres',
    applicationName: 'longrun migration',
    synchronize: false,
    installExtensions: false,
    logging: false,
    poolSize: 2,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    poolErrorHandler: (error: Error & { code?: string }) =>
      logger.warn({ event: 'database-connection-lost', code: error.code }, 'a migrating connection broke'),
    migrations: [...migrations] as (new () => never)[],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    extra: { connectionString: url, keepAlive: true },
  });
}

/** The pg pool under a DataSource: hot statements go to it directly (TypeORM `save` costs 6 times a plain insert). */
export const poolOf = (dataSource: DataSource): Pool =>
  (dataSource.driver as unknown as { readonly master: Pool }).master;
