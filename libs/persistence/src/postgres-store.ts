// The Store on Postgres. Hot paths (commit, load, events) are hand-written SQL through pg; the rare reads use TypeORM's repositories.
// Behind pgbouncer use session mode or 1.21+ with prepared statements: statements are named and time-outs are session settings.
import { LessThan, Not } from 'typeorm';
import type { DataSource } from 'typeorm';
import type { Pool } from 'pg';
import { asClusterId } from '#libs/model';
import type {
  AppId,
  AppVersion,
  ClusterId,
  Deployment,
  DeploymentId,
  InstanceId,
  TaskId,
  Timestamp,
} from '#libs/model';
import type {
  Commit,
  CommitResult,
  EventPage,
  Leadership,
  ReasonPage,
  Store,
  StoredReason,
  StoredState,
} from '#libs/store';
import { silentLogger } from '#libs/telemetry';
import type { Logger } from '#libs/telemetry';
import { carryOut } from './commit.js';
import { newDataSource, newLeasePool, poolOf } from './data-source.js';
import { AppVersionEntity, DeploymentEntity, TokenEntity } from './entities.js';
import { translated } from './errors.js';
import { eventsAfter, trimEvents } from './event-log.js';
import { campaign, resign } from './leadership.js';
import { loadState } from './load.js';
import { migrate } from './migrate.js';
import { instanceOfTask, reasonsOf, reasonsOfApp, trimReasons } from './reason-log.js';
import { runAlone } from './transaction.js';
import type { Statement } from './transaction.js';

// The clause makes two first processes agree on one id, and the select sees it also when the other one inserted it.
const NAME_CLUSTER: Statement = {
  name: 'cluster.name',
  text: 'insert into cluster (id) values (gen_random_uuid()::text) on conflict do nothing',
};
// floor: a time that is shown is never ahead of the clock
const TIME: Statement = {
  name: 'time',
  text: 'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as ms',
};
const CLUSTER_ID: Statement = { name: 'cluster.id', text: 'select id from cluster' };

export interface ConnectOptions {
  /** See PostgresOptions.url in data-source.ts for sockets and TLS. */
  readonly url: string;
  readonly logger?: Logger;
  readonly poolSize?: number;
  /** False: refuse a database that lacks a migration instead of migrating it. */
  readonly migrate?: boolean;
}

export class PostgresStore implements Store {
  readonly #source: DataSource;
  readonly #pool: Pool;
  readonly #lease: Pool;

  private constructor(source: DataSource, lease: Pool) {
    this.#source = source;
    this.#pool = poolOf(source);
    this.#lease = lease;
  }

  /** Migrates if needed. Throws StoreUnavailable, or SchemaMismatch when the database belongs to a newer release. */
  static async connect({ url, logger = silentLogger, poolSize, migrate: apply = true }: ConnectOptions) {
    await migrate({ url, logger, apply });
    const source = newDataSource({ url, logger, ...(poolSize === undefined ? {} : { poolSize }) });
    await named('connect', () => source.initialize());
    const store = new PostgresStore(source, newLeasePool({ url, logger }));
    await runAlone(store.#pool, NAME_CLUSTER);
    return store;
  }

  async clusterId(): Promise<ClusterId> {
    const [row] = await runAlone<{ id: string }>(this.#pool, CLUSTER_ID);
    if (!row) throw new Error('the cluster row is gone from the database: restore it from a backup');
    return asClusterId(row.id);
  }

  async time(): Promise<number> {
    const [row] = await runAlone<{ ms: string }>(this.#pool, TIME);
    return Number(row?.ms);
  }

  async campaign(holder: string, address: string, leaseMs: number): Promise<Leadership> {
    return campaign(this.#lease, holder, address, leaseMs);
  }

  async resign(holder: string): Promise<void> {
    return resign(this.#lease, holder);
  }

  async load(): Promise<StoredState> {
    return loadState(this.#pool);
  }

  async commit(commit: Commit): Promise<CommitResult> {
    return carryOut(this.#pool, commit);
  }

  async versions(app: AppId): Promise<readonly AppVersion[]> {
    const rows = await named('versions', () =>
      this.#source
        .getRepository(AppVersionEntity)
        .find({ where: { appId: app }, order: { version: 'desc' } }),
    );
    return rows.map((row) => row.document);
  }

  async deployment(id: DeploymentId): Promise<Deployment | null> {
    const row = await named('deployment', () =>
      this.#source.getRepository(DeploymentEntity).findOneBy({ id }),
    );
    return row?.document ?? null;
  }

  async history(limit: number): Promise<readonly Deployment[]> {
    const rows = await named('history', () =>
      this.#source.getRepository(DeploymentEntity).find({
        where: { status: Not('running') },
        order: { endedAt: 'desc', version: 'desc', id: 'desc' },
        take: limit,
      }),
    );
    return rows.map((row) => row.document);
  }

  async endedBefore(version: Timestamp, limit: number): Promise<readonly Deployment[]> {
    const rows = await named('ended-before', () =>
      this.#source.getRepository(DeploymentEntity).find({
        where: { status: Not('running'), version: LessThan(version) },
        order: { version: 'desc' },
        take: limit,
      }),
    );
    return rows.map((row) => row.document);
  }

  async eventsAfter(after: number, limit: number, bytesMax?: number): Promise<EventPage> {
    return eventsAfter(this.#pool, after, limit, bytesMax);
  }

  async reasonsOf(instance: InstanceId): Promise<readonly StoredReason[]> {
    return reasonsOf(this.#pool, instance);
  }

  async reasonsOfApp(app: AppId, page: ReasonPage): Promise<readonly StoredReason[]> {
    return reasonsOfApp(this.#pool, app, page);
  }

  async instanceOfTask(task: TaskId): Promise<InstanceId | null> {
    return instanceOfTask(this.#pool, task);
  }

  async tokenRole(sha256: string): Promise<'agent' | 'proxy' | null> {
    const row = await named('token', () => this.#source.getRepository(TokenEntity).findOneBy({ sha256 }));
    return row?.role ?? null;
  }

  async putToken(sha256: string, role: 'agent' | 'proxy'): Promise<void> {
    await named('put-token', () =>
      this.#source.getRepository(TokenEntity).upsert({ sha256, role }, ['sha256']),
    );
  }

  async trimEvents(): Promise<number> {
    const forgotten = await trimEvents(this.#pool);
    await trimReasons(this.#pool);
    return forgotten;
  }

  /** Afterwards every method throws StoreUnavailable. */
  async close(): Promise<void> {
    if (!this.#source.isInitialized) return;
    await named('close', () => Promise.all([this.#source.destroy(), this.#lease.end()]));
  }
}

async function named<T>(statement: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translated(statement, error);
  }
}
