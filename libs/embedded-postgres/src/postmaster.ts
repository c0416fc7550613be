// The postmaster of a data folder, as its lock file and /proc tell: who it is, whether it is ready, and lock files that lie.
import { readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf } from '#libs/process-identity';
import type { ProcessIdentity } from '#libs/process-identity';
import type { Layout } from './layout.js';

/** The Postgres that works in this folder, or null. */
export function runningPostmaster({ data }: Layout): ProcessIdentity | null {
  const { pid } = lockFile(join(data, 'postmaster.pid'));
  return pid !== null && isPostgresOf(pid, data) ? identityOf(pid) : null;
}

/** True once this process accepts connections: the last line of its lock file says so, which is also what pg_ctl waits for. */
export function isReady({ data }: Layout, { pid }: ProcessIdentity): boolean {
  const lock = lockFile(join(data, 'postmaster.pid'));
  return lock.pid === pid && lock.status === 'ready';
}

/** After kill -9: lock files whose pid now is nobody or somebody else's process, on which Postgres would refuse to start. */
export async function removeStaleLocks({ data, socketDir }: Layout): Promise<void> {
  for (const file of [join(data, 'postmaster.pid'), join(socketDir, '.s.PGSQL.5432.lock')]) {
    const { pid } = lockFile(file);
    if (pid !== null && !isPostgresOf(pid, data)) await rm(file, { force: true });
  }
}

/** Postgres works inside its data folder, so its working directory says whose it is. `data` must be a real path. */
function isPostgresOf(pid: number, data: string): boolean {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return name === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === data;
  } catch {
    return false;
  }
}

/** Lines: pid, folder, start, port, socket folder, address, shared memory, status. The pid of a single-user server is negative. */
function lockFile(file: string): { readonly pid: number | null; readonly status: string } {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    const pid = Math.abs(Number.parseInt(lines[0] ?? '', 10));
    return { pid: pid > 0 ? pid : null, status: (lines[7] ?? '').trim() };
  } catch {
    return { pid: null, status: '' };
  }
}
