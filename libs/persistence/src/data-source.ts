// The one way this lib opens Postgres: a TypeORM DataSource over a small pool of pg, with a bound on everything that could hang.
import { DataSource } from 'typeorm';
import type { Pool } from 'pg';
import type { Logger } from '#libs/telemetry';
import { AppVersionEntity, DeploymentEntity, TokenEntity } from './entities.js';

/**
 * TLS comes through the URL as pg understands it: `?sslmode=verify-full&sslrootcert=/path/ca.pem` (also sslcert, sslkey).
 * A unix socket: `postgres:///longrun?host=/run/postgresql&user=longrun`.
 */
export interface PostgresOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Connections at most; the control plane writes through one at a time, the others read. Default 6. */
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
    poolErrorHandler: (error: Error & { code?: string }) =>
      logger.warn(
        { event: 'database-connection-lost', code: error.code },
        'an idle connection to Postgres broke',
      ),
    extra: {
      connectionString: url,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      // on our side too, for a peer that no longer answers at all
      query_timeout: STATEMENT_TIMEOUT_MS + 2_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      idleTimeoutMillis: 60_000,
    },
  });
}

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
