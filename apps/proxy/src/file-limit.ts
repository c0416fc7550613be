// How many connections of clients the limit of open files leaves room for. Node raises its soft limit to the hard one when it starts, so
// this is what the system really allows (LimitNOFILE= of a systemd unit, ulimit -Hn).
import { readFileSync } from 'node:fs';

/** Listeners, table, logs, libraries; and what is open for a moment. */
const OWN_FILES = 128;
/** Of the rest; the others are for connections to targets, of which there are fewer: idle clients have none. */
const CLIENT_SHARE = 3 / 4;
/** Where so many connections are asked for, each may be busy: a WebSocket or a TCP connection has one to its target all the time. */
const FILES_PER_CONNECTION = 2;
/** With fewer a person is told, unless --max-connections says that it is enough: 1024 is what shells have that nobody set up. */
const FEW_FILES = 4_096;
/** What to ask for where nothing else is known. */
const GOOD_FILES = 65_536;

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

/** Files that a process needs for so many busy connections of clients. */
export const filesFor = (connections: number): number => connections * FILES_PER_CONNECTION + OWN_FILES;

export interface ConnectionRoom {
  /** Connections of clients at once, of this process. Absent: no bound. */
  readonly most?: number;
  /** A sentence with the remedy, where the limit is low. */
  readonly warning?: string;
}

/** `wanted`: of --max-connections. */
export function roomFor(files: number | undefined, wanted: number | undefined): ConnectionRoom {
  if (files === undefined) return wanted === undefined ? {} : { most: wanted };
  const most = connectionsWithin(files);
  if (wanted !== undefined) {
    const needed = filesFor(wanted);
    if (files >= needed) return { most: wanted };
    const served = Math.min(most, wanted);
    return {
      most: served,
      warning: `the limit of open files is ${files}, and ${wanted} connections (--max-connections) may need ${needed}: beyond ${served} at once clients are refused or closed; ${remedy(needed)}`,
    };
  }
  if (files >= FEW_FILES) return { most };
  return {
    most,
    warning: `the limit of open files is ${files}, which leaves room for ${most} connections of clients at once; ${remedy(GOOD_FILES)}, or say by --max-connections how many are enough`,
  };
}

const remedy = (files: number): string =>
  `raise it: LimitNOFILE=${files} in the systemd unit, "ulimit -Hn ${files}" in the shell that starts it, --ulimit nofile=${files} with Docker`;
