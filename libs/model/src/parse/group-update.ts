// From a group update as it was sent to what it asks for, or to all problems of the first stage that has any (api.md 4.2, app.md C):
// put a version back, scale everything below, or give groups and apps anew. What it says about what exists is decided elsewhere.
import type { AppSpec } from '../app-spec.js';
import { parentGroupOf } from '../group-ids.js';
import type { GroupId } from '../group.js';
import type { AppId, Timestamp } from '../ids.js';
import { appIdFault, idFault, resolveId, ROOT_ID } from './app-id.js';
import { groupSchema, type GroupInput, type GroupMembers } from './group-schema.js';
import { LIMITS } from './limits.js';
import { parseApp } from './parse-app.js';
import { Problems, type ProblemList } from './problems.js';
import { flag, isObject, object, optional } from './reader.js';

/** Decided in one turn, during which nobody else is served: about a second for this many. */
export const APPS_PER_CALL_MAX = 4_000;
/** Each is a row that is written with the call. */
export const GROUPS_PER_CALL_MAX = 1_000;

/** One group of a structure; a member that is absent keeps what is stored. */
export interface GroupShape {
  readonly id: GroupId;
  /** Where it stands in the body; empty for the outermost one. */
  readonly path: string;
  /** All apps directly in it. */
  readonly apps?: readonly AppSpec[];
  /** All groups directly in it. */
  readonly groups?: readonly GroupShape[];
  readonly dependencies?: readonly AppId[];
  readonly enforceRole?: boolean;
}

export type GroupUpdate =
  | { readonly kind: 'version'; readonly id: GroupId; readonly version: Timestamp }
  | { readonly kind: 'scale'; readonly id: GroupId; readonly by: number }
  | { readonly kind: 'structure'; readonly id: GroupId; readonly shape: GroupShape };

export interface GroupContext {
  /** The group of the URL: relative ids start here. */
  readonly base: GroupId;
  /** Whether this top-level group, as stored, gives its apps their role (app.md A9). */
  readonly enforcesRole: (topLevel: GroupId) => boolean;
}

export type ReadGroup = { readonly kind: 'ok'; readonly input: GroupInput } | ProblemList;
export type ParsedGroup = { readonly kind: 'ok'; readonly update: GroupUpdate } | ProblemList;

/** The schema stage, and how much one call may hold. Never throws, whatever the body. */
export function readGroupUpdate(body: unknown): ReadGroup {
  const found = new Problems();
  checkSize(body, found);
  if (found.any) return found.as('rules');
  const input = groupSchema(body, '', found);
  return found.any || !input ? found.as('schema') : { kind: 'ok', input };
}

function checkSize(body: unknown, found: Problems): void {
  const count = { apps: 0, groups: 0 };
  const walk = (group: unknown): void => {
    if (!isObject(group)) return;
    if (Array.isArray(group.apps)) count.apps += group.apps.length;
    if (!Array.isArray(group.groups)) return;
    count.groups += group.groups.length;
    group.groups.forEach(walk);
  };
  walk(body);
  const refuse = (name: 'apps' | 'groups', max: number): void => {
    const text = `must not name more than ${max} ${name}, it names ${count[name]}: send them in parts`;
    if (count[name] > max) found.add(`/${name}`, text);
  };
  refuse('apps', APPS_PER_CALL_MAX);
  refuse('groups', GROUPS_PER_CALL_MAX);
}

/** The rules, for what `readGroupUpdate` accepted. Rule violations of an app keep their app-relative path (api.md 4.2). */
export function parseGroupUpdate(input: GroupInput, context: GroupContext): ParsedGroup {
  const found = new Problems();
  const id = input.id === undefined ? context.base : resolveId(input.id, context.base);
  checkAlone(input, '', found);
  checkGroupId(id, context.base, found);
  if (found.any) return found.as('rules');
  if (input.version !== undefined)
    return { kind: 'ok', update: { kind: 'version', id, version: input.version } };
  if (input.scaleBy !== undefined) return { kind: 'ok', update: { kind: 'scale', id, by: input.scaleBy } };
  const shape = shapeOf(input, { id, path: '', role: undefined }, context, found);
  return found.any ? found.as('rules') : { kind: 'ok', update: { kind: 'structure', id, shape } };
}

/** The group of the URL itself, or one below it. */
function checkGroupId(id: GroupId, base: GroupId, found: Problems): void {
  if (id === ROOT_ID) return;
  const prefix = base === ROOT_ID ? '/' : `${base}/`;
  if (id !== base && !id.startsWith(prefix)) found.add('/id', `Identifier is not child of '${base}'`);
  const fault = idFault(id);
  const reserved = appIdFault(id);
  if (fault !== null) found.add('/id', fault);
  else if (reserved !== null) found.add('/', reserved);
}

/** `version` and `scaleBy` say all there is to say. */
function checkAlone(input: GroupMembers, path: string, found: Problems): void {
  const others = (name: string): string[] => Object.keys(input).filter((each) => each !== name);
  for (const name of ['version', 'scaleBy'] as const) {
    if (input[name] !== undefined && others(name).length) {
      found.add(
        `${path}/${name}`,
        `'${name}' must be the only member, there is also ${others(name).join(', ')}`,
      );
    }
  }
  const { pods } = input;
  const isEmpty = Array.isArray(pods) && !pods.length;
  if (pods !== undefined && !isEmpty) found.add(`${path}/pods`, 'pods cannot be given in a group');
}

interface Place {
  readonly id: GroupId;
  readonly path: string;
  /** That the top-level group gives its apps; undefined: none. */
  readonly role: string | undefined;
}

function shapeOf(input: GroupMembers, place: Place, context: GroupContext, found: Problems): GroupShape {
  const { id, path } = place;
  const role = roleOf(input, place, context);
  checkEnforceRole(input, place, found);
  const apps = input.apps && appsOf(input.apps, { id, path, role }, found);
  const groups = input.groups?.map((each, index): GroupShape => {
    const at = `${path}/groups(${index})`;
    const child = resolveId(each.id, id);
    checkAlone(each, at, found);
    checkChild(child, id, `${at}/id`, found);
    return shapeOf(each, { id: child, path: at, role }, context, found);
  });
  checkTwice(groups?.map((each) => each.id) ?? [], `${path}/groups`, found);
  const dependencies = input.dependencies && dependenciesOf(input.dependencies, id, path, found);
  return {
    id,
    path,
    ...(apps ? { apps } : {}),
    ...(groups ? { groups } : {}),
    ...(dependencies ? { dependencies } : {}),
    ...(input.enforceRole === undefined ? {} : { enforceRole: input.enforceRole }),
  };
}

const segmentsOf = (id: GroupId): string[] => id.split('/').filter((each) => each !== '');

function roleOf(input: GroupMembers, { id, path, role }: Place, context: GroupContext): string | undefined {
  const [top] = segmentsOf(id);
  if (top === undefined) return undefined;
  const topLevel = resolveId(top);
  if (id === topLevel) return (input.enforceRole ?? context.enforcesRole(id)) ? top : undefined;
  return path === '' ? (context.enforcesRole(topLevel) ? top : undefined) : role;
}

function checkEnforceRole({ enforceRole }: GroupMembers, { id, path }: Place, found: Problems): void {
  if (enforceRole === undefined || segmentsOf(id).length === 1) return;
  found.add(`${path}/enforceRole`, 'enforceRole is for top-level groups only');
}

function appsOf(inputs: readonly unknown[], { id, path, role }: Place, found: Problems): AppSpec[] {
  const specs = inputs.flatMap((input, index): AppSpec[] => {
    const text = isObject(input) && typeof input.id === 'string' ? input.id : '';
    checkChild(resolveId(text, id), id, `${path}/apps(${index})/id`, found);
    const parsed = parseApp(input, { base: id, ...(role === undefined ? {} : { defaultRole: role }) });
    if (parsed.kind === 'ok') return [parsed.spec];
    for (const problem of parsed.problems) {
      for (const error of problem.errors) found.add(problem.path, error);
    }
    return [];
  });
  checkTwice(
    inputs.map((input) => resolveId(isObject(input) ? String(input.id) : '', id)),
    `${path}/apps`,
    found,
  );
  return specs;
}

function checkChild(child: AppId, group: GroupId, path: string, found: Problems): void {
  if (child === ROOT_ID || parentGroupOf(child) !== group)
    found.add(path, `Identifier is not child of '${group}'`);
  const fault = appIdFault(child);
  if (fault !== null) found.add(path, fault);
}

function checkTwice(ids: readonly AppId[], path: string, found: Problems): void {
  const seen = new Set<AppId>();
  ids.forEach((id, index) => {
    if (seen.has(id)) found.add(`${path}(${index})/id`, `${id} is named twice`);
    seen.add(id);
  });
}

function dependenciesOf(texts: readonly string[], id: GroupId, path: string, found: Problems): AppId[] {
  const max = LIMITS.dependencies;
  if (texts.length > max) {
    found.add(`${path}/dependencies`, `must not have more than ${max} entries, it has ${texts.length}`);
    return [];
  }
  const ids = texts.map((each) => resolveId(each, id));
  ids.forEach((each, index) => {
    const fault = idFault(each);
    if (fault !== null) found.add(`${path}/dependencies(${index})`, fault);
  });
  return [...new Set(ids)];
}

const rolePatch = object({ enforceRole: optional(flag) });

/** The body of a PATCH of a group; absent gives the default, false. */
export function readEnforceRole(
  body: unknown,
): { readonly kind: 'ok'; readonly enforceRole: boolean } | ProblemList {
  const found = new Problems();
  const input = rolePatch(body, '', found);
  return found.any ? found.as('schema') : { kind: 'ok', enforceRole: input?.enforceRole ?? false };
}
