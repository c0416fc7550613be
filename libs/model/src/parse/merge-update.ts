// Partial updates (api.md 3.5): members that are present replace the stored ones whole, absent and null ones keep them, and the
// result is validated like a new definition.
import type { AppSpec } from '../app-spec.js';
import type { Timestamp } from '../ids.js';
import { parseApp, type ParsedApp } from './parse-app.js';
import { Problems, type ProblemList } from './problems.js';
import { isObject } from './reader.js';
import { showApp } from './show-app.js';
import { parseTimestamp } from './timestamp.js';

/** The stored definition with this update applied. An `id` in the body is ignored; relative dependencies start at the root. */
export function mergeUpdate(stored: AppSpec, input: unknown): ParsedApp {
  if (!isObject(input)) return parseApp(input);
  const update = presentMembers(input);
  return parseApp({ ...keptOf(stored, update), ...Object.fromEntries(update) }, { id: stored.id });
}

/** What is kept, without the members that the update gives in another style: only what it holds itself can be a mixture. */
function keptOf(stored: AppSpec, update: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...showApp(stored) };
  const hasAddress = update.has('ipAddress');
  if (update.has('uris')) delete kept.fetch;
  if (update.has('ports') || leavesHost(update)) delete kept.portDefinitions;
  if (hasAddress || oldNetworkOf(update) !== undefined) delete kept.networks;
  if (hasAddress && stored.container) {
    const { portMappings: _, ...container } = stored.container;
    kept.container = container;
  }
  return kept;
}

/** Without nulls, and without empty texts where those mean the default: they ask for nothing. */
function presentMembers(input: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const emptyMeansAbsent = new Set(['role', 'executor']);
  return new Map(
    Object.entries(input).filter(
      ([name, value]) =>
        value !== null && value !== undefined && !(value === '' && emptyMeansAbsent.has(name)),
    ),
  );
}

function oldNetworkOf(update: ReadonlyMap<string, unknown>): unknown {
  const container = update.get('container');
  const docker = isObject(container) && Object.hasOwn(container, 'docker') ? container.docker : undefined;
  return isObject(docker) && Object.hasOwn(docker, 'network') ? (docker.network ?? undefined) : undefined;
}

/** Stored definitions would be taken for further mappings; host networking keeps them. */
function leavesHost(update: ReadonlyMap<string, unknown>): boolean {
  const networks = update.get('networks');
  const first: unknown = Array.isArray(networks) ? networks[0] : undefined;
  const old = oldNetworkOf(update);
  if (isObject(first))
    return isOther(Object.hasOwn(first, 'mode') ? (first.mode ?? 'container') : 'container');
  return old === undefined ? update.has('ipAddress') : isOther(old);
}

const isOther = (mode: unknown): boolean => typeof mode === 'string' && mode.toLowerCase() !== 'host';

export type WantedVersion =
  { readonly kind: 'none' } | { readonly kind: 'version'; readonly version: Timestamp } | ProblemList;

/** Members that only answers of the API have. */
const READ_ONLY = [
  'deployments',
  'lastTaskFailure',
  'readinessCheckResults',
  'taskStats',
  'tasks',
  'tasksHealthy',
  'tasksRunning',
  'tasksStaged',
  'tasksUnhealthy',
  'versionInfo',
] as const;

/**
 * `version` in an update asks for a rollback to that stored version; besides it only `id` may be there (api.md 3.5). Clients that read
 * an app, change a member and send the whole back have `version` in it as well, and mean no rollback; Marathon refuses them. What was
 * read always has members that nobody writes by hand, so their presence tells the two apart, and `version` is then as read-only as they
 * are. Not for full replacements, which ignore `version`.
 */
export function wantedVersion(input: unknown): WantedVersion {
  if (!isObject(input)) return { kind: 'none' };
  const update = presentMembers(input);
  const text = update.get('version');
  const wasRead = READ_ONLY.some((name) => Object.hasOwn(input, name));
  if (text === undefined || wasRead) return { kind: 'none' };
  const problems = new Problems();
  if (typeof text !== 'string') {
    problems.add('/version', 'error.expected.jsstring');
    return problems.as('schema');
  }
  const version = parseTimestamp(text);
  if (version === null) {
    problems.add('/version', 'error.expected.date.isoformat');
    return problems.as('schema');
  }
  const others = [...update.keys()].filter((name) => name !== 'version' && name !== 'id');
  if (!others.length) return { kind: 'version', version };
  problems.add('/', "'version' asks for a rollback and must be the only member");
  return problems.as('rules');
}
