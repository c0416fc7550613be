// npm ends on SIGTERM without telling its child (measured), so a supervisor started through npm watches its parent, and the shell's
// parent when npm put a shell in between, and stops in order when one is gone (decisions.md 25).
import { readFileSync } from 'node:fs';
import { identityOf, isAlive, parentOf, type ProcessIdentity } from '#libs/process-identity';

const WATCH_MS = 500;

/** Calls back once when a parent is gone for a while (a hang-up that ends it may reach us a little later). Without npm nothing is watched: a daemon's parent may go. */
export function watchParents(onGone: () => void): () => void {
  if (process.env['npm_lifecycle_event'] === undefined) return () => undefined;
  const watched = parents();
  let missed = 0;
  const timer = setInterval(() => {
    if (watched.every(isAlive) || (missed += 1) < 2) return;
    clearInterval(timer);
    onGone();
  }, WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** The parent, and above it what npm started through: a shell, then npm itself. */
function parents(): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  let pid: number | null = process.ppid;
  for (let level = 0; level < 2 && pid !== null && pid > 1; level += 1) {
    const identity = identityOf(pid);
    if (identity) found.push(identity);
    pid = parentOf(pid);
    if (level === 0 && !isShell(found[0])) break;
  }
  return found;
}

function isShell(identity: ProcessIdentity | undefined): boolean {
  if (!identity) return false;
  return /\b(sh|bash|dash|ash)$/.test(commandOf(identity.pid));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
