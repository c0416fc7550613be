// Where a port is found: virtual hosts, paths, order among services of one host, groups of proxies, mode, service port.
import type { AppSpec, ServicePort } from '#libs/model';
import type { RouteMode, RouteService } from '../route-table.js';
import { LabelTexts, type LabelText } from './label-texts.js';
import { present } from './members.js';
import { integer, itemsOf, oneOf, shown, truth, urlPath } from './values.js';

export type Place = Pick<
  RouteService,
  | 'mode'
  | 'hosts'
  | 'path'
  | 'paths'
  | 'pathIgnoreCase'
  | 'sticky'
  | 'redirectToHttps'
  | 'matchWeight'
  | 'groups'
>;

const ITEMS_MAX = 100;
const MODE = oneOf('http', 'tcp', 'auto');

export function readPlace(texts: LabelTexts, port: ServicePort): Place {
  const hosts = readHosts(texts);
  const paths = readPaths(texts);
  if (paths.given && hosts.length === 0)
    texts.warn(
      `the path label of port ${port.index} has no effect without HAPROXY_${port.index}_VHOST or longrun.io/host`,
    );
  const redirectToHttps = texts.read(truth, 'redirect-to-https', 'REDIRECT_TO_HTTPS') ?? false;
  const [path] = paths.list;
  const weight = texts.read(integer(-1_000_000, 1_000_000), 'match-weight', 'BACKEND_WEIGHT');
  return present<Place>({
    mode: readMode(texts),
    hosts,
    path,
    paths: paths.list.length > 1 ? paths.list : undefined,
    pathIgnoreCase: paths.ignoreCase && path !== undefined ? true : undefined,
    sticky: texts.read(truth, 'sticky', 'STICKY') ?? false,
    redirectToHttps,
    // the path / weighs as none does, unlike in marathon-lb: it asks for the same requests, and of two that do so the older one keeps them
    matchWeight: weight,
    groups: readGroups(texts),
  });
}

/** Left out of the table when it is false. */
export const readEnabled = (texts: LabelTexts): boolean => texts.read(truth, 'enabled', 'ENABLED') ?? true;

const PORT = integer(1, 65_535);

/** The port that the proxy listens on: of the definition, unless HAPROXY_{n}_PORT names another one. 0: none. */
export function readServicePort(texts: LabelTexts, port: ServicePort): number {
  const found = texts.haproxy('PORT');
  return (found && texts.value(PORT, found)) ?? port.servicePort;
}

/** What in the definition says so: a label, or the member of the port. */
export function servicePortMember(spec: AppSpec, port: ServicePort): { name: string; isLabel: boolean } {
  const found = new LabelTexts(spec, port).haproxy('PORT');
  if (found && PORT.read(found.text) !== undefined) return { name: found.label, isLabel: true };
  const name = spec.portDefinitions
    ? `portDefinitions[${port.index}].port`
    : `container.portMappings[${port.index}].servicePort`;
  return { name, isLabel: false };
}

function readMode(texts: LabelTexts): RouteMode {
  return texts.read(MODE, 'mode', 'MODE') ?? 'auto';
}

function readHosts(texts: LabelTexts): string[] {
  const found = texts.own('host') ?? texts.haproxy('VHOST');
  const hosts = new Set<string>();
  for (const each of itemsOf(found?.text ?? '')) {
    const host = each.toLowerCase().replace(/\.$/, '');
    if (!isHost(host)) warnHost(texts, found, each);
    else if (hosts.size < ITEMS_MAX) hosts.add(host);
    else {
      texts.warn(`${found?.label}: only the first ${ITEMS_MAX} virtual hosts are used`);
      break;
    }
  }
  return [...hosts];
}

/** `shop.example`, `*.shop.example`, `*`. */
const isHost = (text: string): boolean =>
  text.length <= 253 && (text === '*' || /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(text));

function warnHost(texts: LabelTexts, found: LabelText | undefined, host: string): void {
  texts.warn(
    `${found?.label}: the virtual host ${shown(host)} is not used: it must be a host name without port, *.NAME for all names below one, or * for all`,
  );
}

interface Paths {
  readonly given: boolean;
  /** Empty: every path. */
  readonly list: readonly string[];
  readonly ignoreCase: boolean;
}

/** Prefixes separated by blanks; `-i` before them as in HAProxy's path_beg. A prefix ends on a segment border unless `*` ends it. */
function readPaths(texts: LabelTexts): Paths {
  const found = texts.own('path') ?? texts.haproxy('PATH');
  const items = itemsOf(found?.text ?? '');
  const ignoreCase = items.includes('-i');
  const list = new Set<string>();
  for (const each of items.filter((item) => item !== '-i')) {
    const path = readPath(each);
    if (path === undefined)
      texts.warn(
        `${found?.label}: the path ${shown(each)} is not used: it must begin with a slash${each.startsWith('-') ? ', and of the flags only -i is known' : ', without ? and #'}`,
      );
    else list.add(ignoreCase ? path.toLowerCase() : path);
  }
  if (list.size > ITEMS_MAX) texts.warn(`${found?.label}: only the first ${ITEMS_MAX} paths are used`);
  const given = list.size > 0;
  // one that is everything leaves nothing for the others
  const all = list.has('/') || list.has('/*');
  return { given, list: all ? [] : [...list].slice(0, ITEMS_MAX), ignoreCase };
}

function readPath(text: string): string | undefined {
  return text.endsWith('*') && text.startsWith('/')
    ? urlPath.read(text) && text
    : text.includes('*')
      ? undefined
      : urlPath.read(text);
}

/** HAPROXY_{n}_GROUP before HAPROXY_GROUP, as the numbered ones always are. */
function readGroups(texts: LabelTexts): readonly string[] | undefined {
  const found = texts.own('groups') ?? texts.haproxy('GROUP');
  const groups = itemsOf(found?.text ?? '').slice(0, ITEMS_MAX);
  return groups.length > 0 ? groups : undefined;
}

/** Which deployment group an app is in, with a slash before it, as marathon-lb names it. */
export function deploymentGroupOf(spec: AppSpec): string | undefined {
  const group = spec.labels['HAPROXY_DEPLOYMENT_GROUP']?.trim();
  return group === undefined || group === '' ? undefined : `/${group.replace(/^\/+/, '')}`;
}
