// The disk of the control plane's own data (embedded Postgres, logs): with less than 5 % free a deploy is refused, because a
// database that cannot write takes everything down (decisions.md 24).
import { statfsSync } from 'node:fs';
import { failures } from '#libs/api-contract';

const FREE_PERCENT_MIN = 5;

/** A check to call before a deploy is taken; without a folder it always passes. */
export function diskCheck(dataDir: string | undefined): () => void {
  return () => {
    const free = dataDir === undefined ? 100 : freePercent(dataDir);
    if (dataDir !== undefined && free < FREE_PERCENT_MIN) throw failures.diskFull(dataDir, free);
  };
}

/** 100 where it cannot be read: a missing folder is no full disk. */
function freePercent(path: string): number {
  try {
    const { bavail, blocks } = statfsSync(path);
    return blocks > 0 ? (bavail / blocks) * 100 : 100;
  } catch {
    return 100;
  }
}
