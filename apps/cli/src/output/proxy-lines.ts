// Registered proxies in words: a row for each of their processes, below it what they warn of, each warning once.
import type { ProxiesAnswer } from '#libs/api-client';
import { ageOf, table } from './table.js';
import { fitting } from './wrap.js';

type Registered = ProxiesAnswer['proxies'][number];

const HEAD = ['ADDRESS', 'HOST', 'ENGINE', 'WORKER', 'GROUPS', 'TABLE', 'SINCE', 'HEARD', 'PROXY'];

/** `now`: epoch ms, by the clock of this host. */
export function proxyLines({ proxies, newest }: ProxiesAnswer, now: number): readonly string[] {
  if (!proxies.length)
    return [
      'no proxy is registered: "longrun up" starts one, "longrun proxy" another one; see docs/fleet.md',
    ];
  const rows = proxies.map((each) => {
    const { id, address, about, listens, live, heardAt, confirmedSince } = each;
    const worker = about?.worker;
    return [
      address,
      about?.host ?? '-',
      about?.engine ?? '-',
      worker ? `${worker.index} of ${worker.of}` : '-',
      groupsOf(listens?.groups),
      tableOf(each, newest),
      ageOf(confirmedSince, now),
      heardAt === undefined ? (live ? 'not yet' : '-') : `${ageOf(heardAt, now)} ago${live ? '' : ' (gone)'}`,
      id,
    ];
  });
  return [table(HEAD, rows), ...warningsOf(proxies)];
}

const groupsOf = (groups: readonly string[] = []): string =>
  !groups.length || groups.includes('*') ? 'all' : groups.join(',');

/** A proxy that is behind for long still routes as it was told before. */
function tableOf({ confirmed }: Registered, newest: ProxiesAnswer['newest']): string {
  if (!newest) return String(confirmed.number);
  if (confirmed.epoch !== newest.epoch) return `${confirmed.number} (of an earlier leader)`;
  return confirmed.number >= newest.number
    ? String(confirmed.number)
    : `${confirmed.number} (newest: ${newest.number})`;
}

function warningsOf(proxies: readonly Registered[]): readonly string[] {
  const said = new Map<string, string[]>();
  for (const { address, live, warnings } of proxies) {
    if (!live) continue;
    for (const text of warnings) {
      const at = said.get(text) ?? [];
      said.set(text, at.includes(address) ? at : [...at, address]);
    }
  }
  return [...said].flatMap(([text, addresses]) => fitting([`warning (${addresses.join(', ')}): ${text}`]));
}
