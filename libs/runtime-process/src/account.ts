// The account that a task runs as (`user` of an app). The agent must be root to become somebody else; setpriv(1) does it between the
// shim and the task, with all groups of the account, in the same process, so that the task keeps its recorded pid.
import { execFile } from 'node:child_process';
import { access, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { RuntimeError } from '#libs/runtime';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** The program that becomes it; absent when the agent is it already. */
  readonly setpriv?: string;
}

const run = promisify(execFile);
const invalid = (message: string): RuntimeError => new RuntimeError('rejected', 'invalid', message);
const PROGRAM_FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** Undefined without a `user`. Throws `rejected: invalid` with the remedy. */
export async function accountOf(user: string | undefined): Promise<Account | undefined> {
  if (user === undefined) return undefined;
  const account = await lookUp(user);
  const own = process.geteuid?.() ?? 0;
  if (account.uid === own) return account;
  if (own !== 0) {
    throw invalid(
      `user '${user}': this agent runs as ${ownName()} and can become nobody else; run the agent as root, or leave user out`,
    );
  }
  const setpriv = await program('setpriv');
  if (!setpriv) throw invalid(`user '${user}': this agent has no setpriv; install util-linux`);
  return { ...account, setpriv };
}

/** By getent(1), which asks what the host is set up to ask, such as LDAP. */
async function lookUp(user: string): Promise<Account> {
  const unknown = (): RuntimeError =>
    invalid(`user '${user}' has no account on this agent; create it there, or name another one`);
  if (user.startsWith('-') || /[:\n\0]/.test(user)) throw unknown();
  const { stdout } = await run('getent', ['passwd', user]).catch((error: { code?: unknown }) => {
    if (error.code === 2) throw unknown();
    throw new RuntimeError(
      'temporary',
      'temporary',
      `user '${user}' could not be looked up: getent: ${String(error.code)}`,
    );
  });
  const [name = '', , uid, gid, , home = ''] = stdout.trim().split(':');
  if (!/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) throw unknown();
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/' };
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.geteuid?.() ?? 0}`; // an agent in a container may have no account
  }
}

async function program(name: string): Promise<string | undefined> {
  for (const folder of PROGRAM_FOLDERS) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** What goes in front of a command to run it as this account; empty when the agent is it. */
export function becoming({ setpriv, uid, gid }: Account): readonly string[] {
  return setpriv ? [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--'] : [];
}

/** The first folder on the way to `path` that the account cannot enter; undefined when it can reach it. */
export async function closedTo({ uid, gid }: Account, path: string): Promise<string | undefined> {
  const folders = [path];
  while (dirname(folders[0] ?? '/') !== (folders[0] ?? '/')) folders.unshift(dirname(folders[0] ?? '/'));
  if (uid === 0) return undefined;
  for (const folder of folders) {
    const { mode, uid: owner, gid: group } = await stat(folder);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
  }
  return undefined;
}
