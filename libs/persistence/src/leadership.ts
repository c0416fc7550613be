// Leadership as one row on Postgres's clock (decisions.md 2). The same row is locked by every commit as its first statement, so a new
// leader cannot take over in the middle of one, and commits are serial: their guards need no locks of their own.
import type { Pool } from 'pg';
import type { Leadership } from '#libs/store';
import { runAlone } from './transaction.js';
import type { Statement, Transaction } from './transaction.js';

// until is compared with clock_timestamp(), not now(): waiting for the row lock takes time.
const CAMPAIGN: Statement = {
  name: 'campaign',
  text: `update leader set
           epoch = case when until > clock_timestamp() then epoch else epoch + 1 end,
           holder = $1, address = $2,
           until = clock_timestamp() + $3 * interval '1 millisecond'
         where holder = $1 or until <= clock_timestamp()
         returning holder, epoch, address`,
};
const WHO_LEADS: Statement = { name: 'who-leads', text: 'select holder, epoch, address from leader' };
const RESIGN: Statement = {
  name: 'resign',
  text: `update leader set until = '-infinity' where holder = $1`,
};
const BEGIN_FENCED: Statement = {
  name: 'commit.fence',
  text: `begin isolation level read committed;
         select epoch, until > clock_timestamp() as live from leader for update`,
};

interface LeaderRow {
  readonly holder: string;
  readonly epoch: string;
  readonly address: string;
}

export async function campaign(
  pool: Pool,
  holder: string,
  address: string,
  leaseMs: number,
): Promise<Leadership> {
  const [taken] = await runAlone<LeaderRow>(pool, CAMPAIGN, [holder, address, leaseMs]);
  const [row] = taken ? [taken] : await runAlone<LeaderRow>(pool, WHO_LEADS);
  if (!row) throw new Error('the leader row is gone: restore it with `insert into leader default values`');
  return { holder: row.holder, epoch: Number(row.epoch), address: row.address };
}

export async function resign(pool: Pool, holder: string): Promise<void> {
  await runAlone(pool, RESIGN, [holder]);
}

/** Begins the transaction, locks the leader row and tells whether `epoch` leads: null, or the stored epoch that fences it. */
export async function beginFenced(transaction: Transaction, epoch: number): Promise<number | null> {
  const [row] = await transaction.runTogether<{ epoch: string; live: boolean }>(BEGIN_FENCED);
  const stored = Number(row?.epoch ?? 0);
  return row?.live && stored === epoch ? null : stored;
}
