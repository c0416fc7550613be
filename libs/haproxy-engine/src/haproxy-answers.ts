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

/** The complaints among the answers to commands that change something: those say nothing when all is well. */
export const refusalsIn = (answer: string): string[] =>
  [...answer.matchAll(/^(No such|Unknown|Invalid|Failed|Require|Can't|Missing).*/gm)].map(([words]) => words);

/** What HAProxy was told about is not there: nothing goes to it. */
export const saysGone = (refusal: string): boolean => /^(No such|Can't find) (server|backend)/.test(refusal);

export interface Complaint {
  /** Of the configuration, counted from 1. */
  readonly line: number;
  readonly words: string;
}

/** HAProxy's reasons against a configuration; what it only warns of is none. */
export const complaintsIn = (refusal: string): Complaint[] =>
  refusal.split('\n').flatMap((text) => {
    const [, line, words = ''] = /^\[ALERT\].*?haproxy\.cfg:(\d+)\](?: :)? ?(.*)/.exec(text) ?? [];
    if (line === undefined) return [];
    return [{ line: Number(line), words: isSecret(text) ? 'a user list is not understood' : shown(words) }];
  });

/** HAProxy repeats words of the line it refuses: those of user lists are secrets. */
const isSecret = (text: string): boolean => /user|password|crypt/i.test(text);

const shown = (words: string): string => words.trim().slice(0, WORDS_MAX);
const WORDS_MAX = 300;

/** Of a refusal as a whole, for people. */
export const wordsOf = (refusal: string): string =>
  complaintsIn(refusal)
    .map(({ line, words }) => `line ${line}: ${words}`)
    .join('; ')
    .slice(0, 1_000) ||
  refusal
    .split('\n')
    .filter((line) => !line.startsWith('[NOTICE]') && !isSecret(line))
    .join(' ')
    .slice(0, 500) ||
  'it does not say why';
