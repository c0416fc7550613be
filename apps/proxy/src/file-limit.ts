// How many connections of clients the limit of open files leaves room for. Node raises its soft limit to the hard one when it starts, so
// this is what the system really allows (LimitNOFILE= of a systemd unit, ulimit -Hn).
import { readFileSync } from 'node:fs';

/** Listeners, table, logs, libraries; and what is open for a moment. */
const OWN_FILES = 128;
/** Of the rest; the others are for connections to targets, of which there are fewer: idle clients have none. */
const CLIENT_SHARE = 3 / 4;

/** Undefined: no limit, or not known (not Linux). */
export function fileLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found ? Number(found[1]) : undefined;
  } catch {
    // no /proc: then the system itself says when it is enough
    return undefined;
  }
}

/** At least one, so that a proxy with next to nothing still answers. */
export const connectionsWithin = (files: number): number =>
  Math.max(1, Math.floor((files - OWN_FILES) * CLIENT_SHARE));
