// Which labels an app has in vain: those of marathon-lb that are text for HAProxy's configuration, names that nobody knows, and
// numbers that the app has no TCP port for. Every label for a proxy is carried out or named here or by the reader of its port.
import { portsOf, type AppSpec } from '#libs/model';
import { APP_NAMES, insteadOf, LIFE_CYCLE_NAMES, OWN_NAMES, PORT_NAMES } from './labels/label-names.js';
import { servesTcp } from './targets.js';

const MOST_NAMES = 20;
const MOST_INSTEAD = 30;
const OWN: ReadonlySet<string> = new Set(OWN_NAMES);

interface Found {
  /** By what to use instead. */
  readonly templates: Map<string, Set<string>>;
  readonly unknown: Set<string>;
  readonly unknownOwn: Set<string>;
  readonly portless: Set<string>;
  /** Of the app, at a port. */
  readonly misplaced: Set<string>;
}

/** A few sentences, whatever the labels. */
export function unreadLabels(spec: AppSpec): string[] {
  const all = portsOf(spec);
  const ports = all.filter(servesTcp);
  const indices = new Set(ports.map(({ index }) => String(index)));
  const found: Found = {
    templates: new Map(),
    unknown: new Set(),
    unknownOwn: new Set(),
    portless: new Set(),
    misplaced: new Set(),
  };
  // labels of a port that is not TCP are read by nobody either
  for (const name of Object.keys(spec.labels)) sort(name, found, indices);
  for (const { labels } of all) {
    for (const name of Object.keys(labels))
      if (isOfApp(name)) found.misplaced.add(name);
      else sort(name, found, indices);
  }
  return sentences(found, ports.length);
}

/** Read from the labels of the app alone. */
const isOfApp = (name: string): boolean =>
  name.startsWith('longrun.io/')
    ? LIFE_CYCLE_NAMES.has(name.slice('longrun.io/'.length))
    : name !== 'HAPROXY_GROUP' && name.startsWith('HAPROXY_') && APP_NAMES.has(name.slice('HAPROXY_'.length));

function sort(name: string, found: Found, indices: ReadonlySet<string>): void {
  const [, index, what] =
    /^HAPROXY_(?:(\d+)_)?(.+)$/s.exec(name) ?? /^longrun\.io\/(?:(\d+)\/)?(.+)$/s.exec(name) ?? [];
  if (what === undefined) return;
  const own = name.startsWith('longrun.io/');
  if (own ? index === undefined && LIFE_CYCLE_NAMES.has(what) : index === undefined && APP_NAMES.has(what))
    return;
  if (own ? !OWN.has(what) : !PORT_NAMES.has(what)) {
    const instead = own ? undefined : insteadOf(what);
    if (instead !== undefined) add(found.templates, instead, name);
    else (own ? found.unknownOwn : found.unknown).add(name);
  } else if (index === undefined ? indices.size === 0 : !indices.has(index)) found.portless.add(name);
}

function add(templates: Map<string, Set<string>>, instead: string, name: string): void {
  const names = templates.get(instead);
  if (names) names.add(name);
  else templates.set(instead, new Set([name]));
}

function sentences(found: Found, ports: number): string[] {
  const { templates, unknown, unknownOwn, portless, misplaced } = found;
  const texts = [...templates]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MOST_INSTEAD)
    .map(
      ([instead, names]) =>
        `${list(names)}: no effect, for it is HAProxy's configuration; use instead: ${instead}`,
    );
  if (unknown.size > 0)
    texts.push(`${list(unknown)}: no effect, for neither Longrun nor marathon-lb has a label of this name`);
  if (unknownOwn.size > 0)
    texts.push(`${list(unknownOwn)}: no effect, for Longrun has no label of this name`);
  if (misplaced.size > 0)
    texts.push(`${list(misplaced)}: no effect at a port; put it among the labels of the app`);
  if (portless.size > 0)
    texts.push(
      `${list(portless)}: no effect, for the app has no such TCP port; they count from 0, and there ${ports === 1 ? 'is' : 'are'} ${ports}`,
    );
  return texts;
}

function list(names: ReadonlySet<string>): string {
  const shown = [...names]
    .sort()
    .slice(0, MOST_NAMES)
    .map((each) => (each.length > 100 ? `${each.slice(0, 100)}…` : each).replace(/[\x00-\x1f\x7f]/g, ' '));
  return shown.join(', ') + (names.size > shown.length ? ` and ${names.size - shown.length} more` : '');
}
