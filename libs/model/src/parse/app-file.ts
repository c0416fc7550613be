// What an app file may hold (promises.md): one app, a list of apps, or a group with nested groups and relative ids.
// Gives raw app bodies with absolute ids; the server validates them like any other. Pods are refused by name.
import type { AppId } from '../ids.js';
import { parentGroupOf } from '../group-ids.js';
import { piece } from '../piece.js';
import { appIdFault, idFault, matchesIdPattern, resolveId, ROOT_ID } from './app-id.js';
import { PODS_UNSUPPORTED } from './parse-pod.js';
import { Problems, type ProblemList } from './problems.js';
import { isObject } from './reader.js';

export interface RawApp {
  readonly id: AppId;
  /** As written, but with an absolute `id` and absolute `dependencies`. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type AppFile = { readonly kind: 'ok'; readonly apps: readonly RawApp[] } | ProblemList;

/** Deeper than any tree of groups that somebody can oversee, and shallow enough for the stack. */
const GROUP_DEPTH_MAX = 50;

interface Place {
  readonly path: string;
  readonly base: AppId;
  readonly depth: number;
  /** Dependencies of the enclosing groups: every app of a group depends on them. */
  readonly inherited: readonly AppId[];
  readonly isInGroup: boolean;
}

type Content = Readonly<Record<string, unknown>>;

/** Reads the value of a JSON or YAML file. Paths of problems start at the whole file: `/apps(0)/id`, `(1)/id`. */
export function parseAppFile(value: unknown): AppFile {
  const problems = new Problems();
  const apps: RawApp[] = [];
  const root: Place = { path: '', base: ROOT_ID, depth: 0, inherited: [], isInGroup: false };
  if (Array.isArray(value)) {
    value.forEach((each: unknown, index) => readEntry(each, { ...root, path: `(${index})` }, apps, problems));
  } else {
    readEntry(value, root, apps, problems);
  }
  if (!problems.any && !apps.length)
    problems.add('/', 'holds no app: give an app, a list of apps or a group');
  refuseTwice(apps, problems);
  return problems.any ? problems.as('rules') : { kind: 'ok', apps };
}

function readEntry(value: unknown, place: Place, apps: RawApp[], problems: Problems): void {
  if (!isObject(value)) return problems.add(place.path, 'must be an app, a list of apps or a group');
  const isGroup = ['apps', 'groups', 'pods'].some((name) => member(value, name) !== undefined);
  return isGroup ? readGroup(value, place, apps, problems) : readApp(value, place, apps, problems);
}

function readApp(value: unknown, place: Place, apps: RawApp[], problems: Problems): void {
  if (!isObject(value)) return problems.add(place.path, 'must be an app');
  if (member(value, 'containers') !== undefined) return refusePod(value, place.path, problems);
  const id = idOf(value, place, problems);
  if (id === null) return undefined;
  const fault =
    appIdFault(id) ?? (place.isInGroup && parentGroupOf(id) !== place.base ? notChild(place.base) : null);
  if (fault !== null) return problems.add(`${place.path}/id`, fault);
  const dependencies = dependenciesOf(value, place.base);
  const all = [...new Set([...(Array.isArray(dependencies) ? dependencies : []), ...place.inherited])];
  // What is no list of texts stays as it is: the server says what is wrong with it.
  const wanted = dependencies === 'unreadable' ? {} : all.length ? { dependencies: all } : {};
  apps.push({ id, body: { ...value, id, ...wanted } });
  return undefined;
}

function readGroup(group: Content, place: Place, apps: RawApp[], problems: Problems): void {
  if (place.depth > GROUP_DEPTH_MAX) {
    return problems.add(place.path, `groups must not be nested deeper than ${GROUP_DEPTH_MAX}`);
  }
  const isTop = !place.isInGroup;
  const id = isTop && member(group, 'id') === undefined ? place.base : idOf(group, place, problems);
  if (id === null) return undefined;
  const fault = id === ROOT_ID && isTop ? null : idFault(id);
  const misplaced = !isTop && parentGroupOf(id) !== place.base ? notChild(place.base) : null;
  if (fault ?? misplaced) return problems.add(`${place.path}/id`, fault ?? misplaced ?? '');
  if (member(group, 'scaleBy') !== undefined) {
    problems.add(`${place.path}/scaleBy`, 'is an order to the API, not part of an app file');
  }
  const own = dependenciesOf(group, id);
  if (own === 'unreadable') problems.add(`${place.path}/dependencies`, 'must be a list of ids');
  const inherited = [...place.inherited, ...(Array.isArray(own) ? own : [])];
  const inside = { base: id, depth: place.depth + 1, inherited, isInGroup: true };
  const each = (name: string, read: typeof readApp): void => {
    const entries = member(group, name);
    if (entries === undefined) return;
    const path = `${place.path}/${name}`;
    if (!Array.isArray(entries)) return problems.add(path, 'must be a list');
    entries.forEach((entry: unknown, index) =>
      read(entry, { ...inside, path: `${path}(${index})` }, apps, problems),
    );
  };
  // What GET /v2/apps answers has this form, too: apps from everywhere in a group without a name.
  const isNamed = !isTop || member(group, 'id') !== undefined;
  each('apps', (entry, at) => readApp(entry, { ...at, isInGroup: isNamed }, apps, problems));
  each('groups', (entry, at) =>
    isObject(entry) ? readGroup(entry, at, apps, problems) : problems.add(at.path, 'must be a group'),
  );
  each('pods', (entry, at) => refusePod(isObject(entry) ? entry : {}, at.path, problems));
  return undefined;
}

function refusePod(pod: Content, path: string, problems: Problems): void {
  const id = member(pod, 'id');
  const name = typeof id === 'string' ? `'${piece(id)}'` : 'without id';
  problems.add(path, `Pod ${name}: ${PODS_UNSUPPORTED}`);
}

function idOf(value: Content, { path, base }: Place, problems: Problems): AppId | null {
  const id = member(value, 'id');
  if (typeof id !== 'string' || id === '') {
    problems.add(`${path}/id`, id === undefined ? "'id' is missing" : 'must be a text');
    return null;
  }
  if (matchesIdPattern(id)) return resolveId(id, base);
  problems.add(
    `${path}/id`,
    `'${piece(id)}' is no id: use lower-case letters, digits, dashes and dots, with slashes between`,
  );
  return null;
}

function dependenciesOf(value: Content, base: AppId): readonly AppId[] | undefined | 'unreadable' {
  const dependencies = member(value, 'dependencies');
  if (dependencies === undefined) return undefined;
  const isReadable = Array.isArray(dependencies) && dependencies.every((each) => typeof each === 'string');
  return isReadable ? dependencies.map((each: string) => resolveId(each, base)) : 'unreadable';
}

function refuseTwice(apps: readonly RawApp[], problems: Problems): void {
  const seen = new Set<AppId>();
  for (const { id } of apps) {
    if (seen.has(id)) problems.add('/', `holds the app '${id}' twice`);
    seen.add(id);
  }
}

const notChild = (base: AppId): string => `Identifier is not child of '${base}'`;

/** An own member; null counts as absent. */
function member(value: Content, name: string): unknown {
  return Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
}
