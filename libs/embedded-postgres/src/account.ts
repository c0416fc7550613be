// As whom Postgres runs. It refuses root, and a server's root user often keeps everything under /root, where nobody else may enter.
// - self: an ordinary user runs it as itself.
// - user-namespace: root runs it as "1000" inside a user namespace; outside, the files stay root's and under /root.
// - other-user: where user namespaces are forbidden, an unprivileged uid, with programs and data under /var/lib/longrun.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export type AccountKind = 'self' | 'user-namespace' | 'other-user';

export interface Account {
  readonly kind: AccountKind;
  readonly uid?: number;
  readonly gid?: number;
  /** Comes before the program on the command line; it executes the program in its place, so the pid is the program's. */
  readonly prefix: readonly string[];
}

/** nobody/nogroup on Debian, nobody/nobody elsewhere: the only unprivileged user that is everywhere. */
const NOBODY = 65_534;
const NAMESPACE = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'] as const;

export const SELF: Account = { kind: 'self', prefix: [] };
export const IN_NAMESPACE: Account = { kind: 'user-namespace', prefix: NAMESPACE };
export const otherUser = (uid = NOBODY, gid = uid): Account => ({ kind: 'other-user', uid, gid, prefix: [] });

/** `wanted` forces one of root's two ways. */
export function chooseAccount(wanted?: AccountKind): Account {
  if (process.getuid?.() !== 0) return SELF;
  if (wanted === 'other-user') return otherUser();
  if (wanted === 'user-namespace' || namespacesWork()) return IN_NAMESPACE;
  return otherUser();
}

/** Forbidden by a sysctl, a seccomp profile (most containers) or an AppArmor rule: only trying tells. */
function namespacesWork(): boolean {
  const [program, ...options] = NAMESPACE;
  const { status, stdout } = spawnSync(program, [...options, 'id', '-u'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  return status === 0 && stdout.trim() === '1000';
}

/** Where data and programs live that the other user must reach: one folder per data folder of ours. */
export function publicHome(dataDir: string): string {
  return join('/var/lib/longrun', createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
}
