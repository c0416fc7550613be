// Which process of a proxy holds which of the client's connections, as the kernel tells: the table of TCP sockets names the two ports and
// the number of each socket, and a process's folder in /proc its numbers. So a request that failed when a worker was killed is the worker's
// own only when its connection was in the hands of that very process.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from '#libs/testkit';

const CLOSED_FOR = 1_500;

/** In the order in which they were started. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);

/** The clients' ports of all connections to these ports of the proxy that the process holds. */
export function clientPortsOf(pid: number, proxyPorts: readonly number[]): Set<number> {
  const inodes = new Set<string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      if (inode) inodes.add(inode);
    } catch {
      // closed meanwhile
    }
  }
  const ports = new Set<number>();
  for (const { local, remote, inode } of tcpSockets())
    if (inodes.has(inode) && proxyPorts.includes(local) && remote > 0) ports.add(remote);
  return ports;
}

function* tcpSockets(): Generator<{ local: number; remote: number; inode: string }> {
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of readFileSync(file, 'latin1').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const port = (at: number): number => parseInt(fields[at]?.split(':')[1] ?? '0', 16);
      if (fields[9]) yield { local: port(1), remote: port(2), inode: fields[9] };
    }
}

export interface Crash {
  /** ms since the epoch. */
  readonly at: number;
  readonly pid: number;
  /** Clients' ports of what it held. */
  readonly held: ReadonlySet<number>;
  /** Of what the primary had just handed to it: they are in nobody's hands. */
  readonly handedOver: ReadonlySet<number>;
}

/** kill -9. It is frozen first, so that what it holds can be counted. */
export async function crashWorker(
  primary: number,
  worker: number,
  proxyPorts: readonly number[],
): Promise<Crash> {
  const at = Date.now();
  process.kill(worker, 'SIGSTOP');
  const held = clientPortsOf(worker, proxyPorts);
  process.kill(worker, 'SIGKILL');
  await until('the worker to be replaced', () => !childrenOf(primary).includes(worker));
  // the primary lets go of a connection as soon as a worker has taken it: what it still has after a while, nobody will take
  const since = performance.now();
  await until('all others to be taken', () => performance.now() - since > CLOSED_FOR);
  const first = clientPortsOf(primary, proxyPorts);
  await until('some more time', () => performance.now() - since > 2 * CLOSED_FOR);
  const still = clientPortsOf(primary, proxyPorts);
  return { at, pid: worker, held, handedOver: new Set([...first].filter((port) => still.has(port))) };
}
