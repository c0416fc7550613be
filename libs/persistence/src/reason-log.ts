// Reading the reasons of instances, and forgetting the old ones.
import type { Pool } from 'pg';
import type { AppId, InstanceId, Reason, TaskId } from '#libs/model';
import { REASONS_KEPT_MS, REASONS_PER_INSTANCE } from '#libs/store';
import type { ReasonPage, StoredReason } from '#libs/store';
import { runAlone } from './transaction.js';
import type { Statement } from './transaction.js';

const OF_INSTANCE: Statement = {
  name: 'reasons.of-instance',
  text: 'select number, instance_id, app_id, at, document from reasons where instance_id = $1 order by number desc',
};
// reasons_by_app
const OF_APP: Statement = {
  name: 'reasons.of-app',
  text: 'select number, instance_id, app_id, at, document from reasons where app_id = $1 and number < $2::bigint order by number desc limit $3',
};
// reasons_by_task
const INSTANCE_OF_TASK: Statement = {
  name: 'reasons.instance-of-task',
  text: 'select instance_id from reasons where task_id = $1 limit 1',
};
// reasons_by_age finds them; batches keep each delete short
const TRIM_OLD: Statement = {
  name: 'reasons.trim-old',
  text: `delete from reasons where (instance_id, number) in (
           select instance_id, number from reasons
           where at < (extract(epoch from clock_timestamp()) * 1000)::bigint - $1::bigint
             and not exists (select from instances where instances.id = reasons.instance_id)
           limit $2)
         returning 1`,
};
// The count reads the primary key's index only; few instances ever have that many.
const TRIM_MANY: Statement = {
  name: 'reasons.trim-many',
  text: `delete from reasons using (
           select instance_id, number,
                  row_number() over (partition by instance_id order by number desc) as newest,
                  row_number() over (partition by instance_id order by number) as oldest
           from reasons
           where instance_id in (select instance_id from reasons group by instance_id having count(*) > $1::bigint + 1)
         ) ranked
         where reasons.instance_id = ranked.instance_id and reasons.number = ranked.number
           and ranked.newest > $1::bigint and ranked.oldest > 1`,
};
const TRIM_BATCH = 10_000;

interface ReasonRow {
  readonly number: string;
  readonly instance_id: InstanceId;
  readonly app_id: AppId;
  readonly at: string;
  readonly document: Omit<Reason, 'instanceId' | 'appId' | 'at'>;
}

export async function reasonsOf(pool: Pool, instance: InstanceId): Promise<readonly StoredReason[]> {
  return (await runAlone<ReasonRow>(pool, OF_INSTANCE, [instance])).map(stored);
}

export async function reasonsOfApp(
  pool: Pool,
  app: AppId,
  { limit, before = Number.MAX_SAFE_INTEGER }: ReasonPage,
): Promise<readonly StoredReason[]> {
  return (await runAlone<ReasonRow>(pool, OF_APP, [app, before, limit])).map(stored);
}

export async function instanceOfTask(pool: Pool, task: TaskId): Promise<InstanceId | null> {
  const [row] = await runAlone<{ instance_id: InstanceId }>(pool, INSTANCE_OF_TASK, [task]);
  return row?.instance_id ?? null;
}

export async function trimReasons(pool: Pool): Promise<void> {
  await runAlone(pool, TRIM_MANY, [REASONS_PER_INSTANCE]);
  for (;;) {
    const rows = await runAlone(pool, TRIM_OLD, [REASONS_KEPT_MS, TRIM_BATCH]);
    if (rows.length < TRIM_BATCH) return;
  }
}

const stored = ({ number, instance_id, app_id, at, document }: ReasonRow): StoredReason => ({
  ...document,
  instanceId: instance_id,
  appId: app_id,
  at: Number(at),
  number: Number(number),
});
