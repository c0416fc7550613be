// One proxy per data folder: two would confirm tables under one name, and the control plane would stop tasks that the other still
// routes to. The lock names its holder by pid, start time and boot, so a lock left by a killed process is recognised and taken over.
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '#libs/configuration';
import { identityOf, isAlive, type ProcessIdentity } from '#libs/process-identity';

/** Two starters at once, a stale lock: each round of it takes one step on. */
const TRIES_MAX = 5;

/** Throws ConfigurationError that names the holder; otherwise returns what gives the lock back. */
export function lockFolder(folder: string): () => void {
  const lock = join(folder, 'lock');
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identityOf(process.pid)), { mode: 0o600 });
  try {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if (tryLink(mine, lock)) return () => rmSync(lock, { force: true });
      const holder = readHolder(lock);
      if (holder && isAlive(holder)) throw held(folder, holder);
      discardStale(lock);
    }
  } finally {
    unlinkSync(mine);
  }
  throw new ConfigurationError(
    `${folder} is being taken by another proxy at this moment; give each its own --data-dir`,
  );
}

function tryLink(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Moved away first and looked at again: between our look and this another starter may have put its own there. */
function discardStale(lock: string): void {
  const moved = `${lock}.stale.${process.pid}`;
  try {
    renameSync(lock, moved);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const holder = readHolder(moved);
  if (holder && isAlive(holder)) tryLink(moved, lock);
  unlinkSync(moved);
}

function readHolder(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity | null;
  } catch {
    // gone in this moment, or cut off by a crash of the host
    return null;
  }
}

const held = (folder: string, holder: ProcessIdentity): ConfigurationError =>
  new ConfigurationError(
    `${folder} is in use by the proxy with pid ${holder.pid}; give each proxy its own --data-dir`,
  );

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
