// A network for the containers of a private engine: a bridge of its own on a free range of 172.16.0.0/12, so that
// several engines, and one that is already there, do not take each other's addresses.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface EngineNetwork {
  /** Name of the bridge that was made; empty: containers have host networking only. */
  readonly bridge: string;
  readonly options: readonly string[];
}

/** Makes the bridge; without working iptables or the `ip` command the engine gets no bridge at all. */
export function makeEngineNetwork(bridge: string): EngineNetwork {
  const none: EngineNetwork = { bridge: '', options: ['--bridge=none', '--iptables=false'] };
  if (!succeeds('iptables', '-t', 'nat', '-L', '-n')) return none;
  const made =
    succeeds('ip', 'link', 'add', bridge, 'type', 'bridge') &&
    succeeds('ip', 'address', 'add', `${freeRange().gateway}/24`, 'dev', bridge) &&
    succeeds('ip', 'link', 'set', bridge, 'up');
  if (!made) return none;
  // the engine's containers only talk with this host, so its forwarding stays as it is
  return { bridge, options: [`--bridge=${bridge}`, '--ip-forward=false'] };
}

/** 256 addresses that nothing on this host has a route to; also for a network of a spec's own. */
export function freeRange(): { readonly gateway: string; readonly subnet: string } {
  const taken = routes();
  for (let tries = 0; tries < 12 * 256; tries += 1) {
    const slot = (process.pid + tries) % (12 * 256);
    const [second, third] = [18 + Math.floor(slot / 256), slot % 256];
    const network = ((172 << 24) | (second << 16) | (third << 8)) >>> 0;
    if (!taken.some((route) => overlaps(route, network))) {
      return { gateway: `172.${second}.${third}.1`, subnet: `172.${second}.${third}.0/24` };
    }
  }
  throw new Error('no free range for containers in 172.18.0.0 to 172.29.255.0; remove unused networks');
}

interface Route {
  readonly network: number;
  readonly mask: number;
}

function routes(): Route[] {
  const lines = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  return lines
    .map((line) => line.split('\t'))
    .map((cells) => ({ network: littleEndian(cells[1]), mask: littleEndian(cells[7]) }))
    .filter((route) => route.mask !== 0);
}

const littleEndian = (hex = '0'): number => Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE(0);

function overlaps(route: Route, network: number): boolean {
  const mask = (route.mask & 0xffffff00) >>> 0;
  return (route.network & mask) >>> 0 === (network & mask) >>> 0;
}

const succeeds = (command: string, ...rest: string[]): boolean =>
  spawnSync(command, rest, { stdio: 'ignore' }).status === 0;
