// What this host is and has, unless the options say otherwise.
import { statfs } from 'node:fs/promises';
import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os';
import type { AgentInfo } from '#libs/model';
import type { AgentConfiguration } from './agent-configuration.js';

const MIB = 1024 * 1024;
/** Memory kept for the system and for us: 1 GiB, or half of a small host. */
const KEPT_MEM_MIB = 1_024;

export async function hostFacts(
  configuration: AgentConfiguration,
  version: string,
): Promise<Omit<AgentInfo, 'id' | 'runtimes' | 'warnings'>> {
  const { taskPorts, attributes, region, zone, dataDir } = configuration;
  const disk = await statfs(dataDir);
  return {
    hostname: configuration.hostname ?? hostname(),
    address: configuration.address ?? addressOf(configuration.controlPlanes),
    attributes,
    resources: {
      cpus: configuration.cpus ?? availableParallelism(),
      mem: configuration.mem ?? memoryMib(),
      disk: configuration.disk ?? Math.floor((disk.bavail * disk.bsize) / MIB),
      ports: [taskPorts],
    },
    version,
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** Free share of the disk that holds this folder, 0..1, as an ordinary user sees it. */
export async function freeShare(folder: string): Promise<number> {
  const { bavail, blocks } = await statfs(folder);
  return blocks > 0 ? bavail / blocks : 1;
}

function memoryMib(): number {
  // in a container the limit counts, not the host; an absent limit is a huge number or 0
  const limit = process.constrainedMemory();
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const mib = Math.floor(bytes / MIB);
  return mib - Math.min(KEPT_MEM_MIB, Math.floor(mib / 2));
}

/** Everything on one host: loopback. Otherwise the first address that others can reach. */
function addressOf(controlPlanes: readonly string[]): string {
  const local = ['127.0.0.1', 'localhost', '[::1]'];
  if (controlPlanes.every((url) => local.includes(new URL(url).hostname))) return '127.0.0.1';
  const outside = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find((each) => !each.internal && each.family === 'IPv4');
  return outside?.address ?? '127.0.0.1';
}
