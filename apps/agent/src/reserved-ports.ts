// An outgoing connection may take any port of the local range, and a task that wants to listen there then fails: so the task ports are
// reserved in `net.ipv4.ip_local_reserved_ports`, where we may (decisions.md 23). What is reserved already stays, and nothing is taken
// back when the agent ends, for its tasks live on.
import { readFileSync, writeFileSync } from 'node:fs';
import type { PortSpan } from '#libs/configuration';

const FOLDER = '/proc/sys/net/ipv4';

/** Null when nothing needs to be said; otherwise a warning with the remedy. */
export function reservePorts(span: PortSpan, folder = FOLDER): string | null {
  const file = `${folder}/ip_local_reserved_ports`;
  try {
    const [first = 0, last = 0] = readFileSync(`${folder}/ip_local_port_range`, 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    if (span.to < first || span.from > last) return null;
    const reserved = readFileSync(file, 'utf8').trim();
    if (isReserved(reserved, span)) return null;
    writeFileSync(file, withSpan(reserved, span));
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return (
      `outgoing connections may take task ports ${span.from}-${span.to}, for these could not be reserved (${why}); ` +
      `add them to net.ipv4.ip_local_reserved_ports`
    );
  }
}

/** `8080,9000-9010` and a span: the kernel sorts and merges what overlaps. */
export function withSpan(reserved: string, { from, to }: PortSpan): string {
  return [reserved, `${from}-${to}`].filter(Boolean).join(',');
}

function isReserved(reserved: string, { from, to }: PortSpan): boolean {
  return reserved.split(',').some((part) => {
    const [first = NaN, last = first] = part.split('-').map(Number);
    return first <= from && to <= last;
  });
}
