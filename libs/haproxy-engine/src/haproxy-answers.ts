// What HAProxy says, read: the answers of its command line, and its complaints about a configuration.
import type { SeenServer } from './slots.js';

/** Places by backend, from `show servers state`. */
export function serversOf(text: string): ReadonlyMap<string, readonly SeenServer[]> {
  const backends = new Map<string, SeenServer[]>();
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const [, backend, , name, address, , admin, weight] = fields;
    const port = fields[18];
    if (!/^\d+$/.test(fields[0] ?? '') || fields.length < 19 || backend === undefined || name === undefined)
      continue;
    const known = backends.get(backend) ?? [];
    backends.set(backend, known);
    // any bit of the admin state: taken out by us
    const isOut = Number(admin) !== 0 && (Number(admin) & 1) === 1;
    const host = address?.includes(':') ? `[${address}]` : address;
    known.push({
      name,
      address: port === '1' ? undefined : `${host}:${port}`,
      isOut,
      weight: Number(weight),
    });
  }
  return backends;
}

/** Connections in use by server. */
export type UsedServers = ReadonlyMap<string, number>;

/** By backend, from one or more answers to `show servers conn`. */
export function usedOf(text: string): ReadonlyMap<string, UsedServers> {
  const backends = new Map<string, Map<string, number>>();
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const fields = line.split(' ');
    // `-` stands for connections that belong to no server
    const [backend, name] = fields[0]?.split('/') ?? [];
    if (backend === undefined || name === undefined) continue;
    const used = backends.get(backend) ?? new Map<string, number>();
    backends.set(backend, used.set(name, Number(fields[6])));
  }
  return backends;
}

/** Service ports that it has a frontend for, from `show stat -1 1 -1`. */
export const portsListenedOn = (text: string): string[] =>
  [...text.matchAll(/^port:(\d+),FRONTEND,/gm)].map(([, port = '']) => port);

/** The first complaint among the answers to commands that change something: those say nothing when all is well. */
export const refusalIn = (answer: string): string | undefined =>
  /^(No such|Unknown|Invalid|Failed|Require|Can't|Missing).*/m.exec(answer)?.[0];

/** HAProxy repeats words of the line it refuses: those of user lists are secrets. */
export const whatIsWrong = (refusal: string): string =>
  refusal
    .split('\n')
    .filter((line) => line.startsWith('[ALERT]') && /haproxy\.cfg:\d+\]/.test(line))
    .map((line) => (/user|password|crypt/i.test(line) ? 'a user list is not understood' : line))
    .join(' ')
    .slice(0, 1_000) || 'see haproxy.log in its folder';
