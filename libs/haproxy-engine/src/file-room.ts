// How many connections HAProxy may take within the limit of open files. It reckons by itself, but one file for the health check of each
// place that it has, also of those to spare, which never use one: five for an app with one target, and when that is more than the limit it
// does not start. In fact a service port has one, a target has one while it is looked at, and a connection of a client needs two.
import type { RouteTable } from '#libs/routing';

/** Threads, pipes, sockets of its own, libraries; and what is open for a moment. */
const OWN_FILES = 256;
const FILES_PER_CONNECTION = 2;
/** However many service ports and targets there are. */
const CONNECTIONS_MIN = 100;
/** A limit that is no limit (some containers have a billion) would have HAProxy take memory for as many. */
const CONNECTIONS_MAX = 500_000;
/** With room for fewer a person is told. */
const FEW_CONNECTIONS = 1_500;
/** What to ask for where less would do. */
const GOOD_FILES = 65_536;

/** Of a table: what takes files whoever asks. */
export interface FileNeeds {
  /** Service ports that are open. */
  readonly ports: number;
  readonly targets: number;
}

export const needsOf = ({ services }: RouteTable): FileNeeds => ({
  ports: new Set(services.flatMap(({ servicePort }) => servicePort ?? [])).size,
  targets: services.reduce((all, { targets }) => all + targets.length, 0),
});

/** Connections of clients at once. `most`: what is asked for. */
export const connectionsWithin = (
  files: number,
  { ports, targets }: FileNeeds,
  most = CONNECTIONS_MAX,
): number => Math.min(most, Math.max(CONNECTIONS_MIN, freeFor(files, ports + targets)));

/** Service ports that can be open at all. */
export const portsWithin = (files: number): number =>
  Math.max(0, files - OWN_FILES - CONNECTIONS_MIN * FILES_PER_CONNECTION);

const freeFor = (files: number, taken: number): number =>
  Math.floor((files - OWN_FILES - taken) / FILES_PER_CONNECTION);

/** Lines of HAProxy's global section. `files`: the limit; undefined: none, or not known. `most`: of --max-connections. */
export function fileLines(files: number | undefined, needs: FileNeeds, most?: number): string[] {
  if (files === undefined) return most === undefined ? [] : [`maxconn ${most}`];
  return [
    `maxconn ${connectionsWithin(files, needs, most)}`,
    // else it ends where it would like to have more files than there may be
    'no strict-limits',
  ];
}

/** A sentence with figures and remedy where there is little room, or less than is asked for. */
export function fileWarnings(files: number | undefined, needs: FileNeeds, most?: number): string[] {
  if (files === undefined) return [];
  const { ports, targets } = needs;
  const room = connectionsWithin(files, needs, most);
  const wanted = most ?? FEW_CONNECTIONS;
  if (freeFor(files, ports + targets) >= wanted) return [];
  const asked = most === undefined ? '' : ` of the ${most} of --max-connections`;
  return [
    `the limit of open files is ${files}: with ${ports} service ports and ${targets} targets HAProxy takes at most ${room}${asked} connections of clients at once, ` +
      `others wait; ${remedyFor(ports + targets, most)}`,
  ];
}

/** Where so many files are taken before anybody connects; for so many connections, if that is said. */
export function remedyFor(taken: number, connections = 0): string {
  const least = Math.max(taken * 2, OWN_FILES + taken + connections * FILES_PER_CONNECTION);
  const files = Math.max(GOOD_FILES, 2 ** Math.ceil(Math.log2(least)));
  return `raise it: LimitNOFILE=${files} in the systemd unit, "ulimit -Hn ${files}" in the shell that starts it, --ulimit nofile=${files} with Docker`;
}
