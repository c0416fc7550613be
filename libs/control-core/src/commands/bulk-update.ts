// A list of app updates, read as one (api.md 3.7): the problems of all of them together, with the place of each in the list.
import { failures } from '#libs/api-contract';
import {
  APPS_PER_CALL_MAX,
  mergeUpdate,
  parseApp,
  resolveId,
  type AppId,
  type AppSpec,
  type Problem,
} from '#libs/model';
import type { WorkingSet } from '../working-set.js';
import { livingApp, type Target } from './app-targets.js';
import { defaultRoleOf } from './group-state.js';

export interface BulkOptions {
  /** Members that are present replace the stored ones; otherwise each is a whole definition. */
  readonly partial: boolean;
  readonly mayCreate: boolean;
}

/** One update of the list. */
export interface BulkItem {
  readonly body: unknown;
  readonly id: AppId | undefined;
}

/** Throws for what is no list, too long, or lacks the ids that say which app is meant. */
export function bulkItems(body: unknown, { partial }: BulkOptions): readonly BulkItem[] {
  if (!Array.isArray(body)) {
    throw failures.invalidDefinition({
      kind: 'problems',
      stage: 'schema',
      problems: [{ path: '/', errors: ['error.expected.jsarray'] }],
    });
  }
  if (body.length > APPS_PER_CALL_MAX) {
    const text = `must not name more than ${APPS_PER_CALL_MAX} apps, it names ${body.length}: send them in parts`;
    throw failures.ruleViolation('/', text);
  }
  return body.map((each: unknown): BulkItem => {
    const text = typeof each === 'object' && each !== null ? (each as Record<string, unknown>)['id'] : null;
    if (partial && (text === undefined || text === null)) throw failures.updateWithoutId();
    return { body: each, id: typeof text === 'string' ? resolveId(text) : undefined };
  });
}

/** `rollbacks`: definitions of stored versions that items ask for, by the place of the item. */
export function bulkTargets(
  items: readonly BulkItem[],
  { partial, mayCreate }: BulkOptions,
  rollbacks: ReadonlyMap<number, AppSpec>,
  workingSet: WorkingSet,
): readonly Target[] {
  const targets: Target[] = [];
  const problems: Record<'schema' | 'rules', Problem[]> = { schema: [], rules: [] };
  let unknown: AppId | undefined;
  items.forEach(({ body, id }, index) => {
    const stored = id === undefined ? undefined : livingApp(workingSet, id);
    const past = rollbacks.get(index);
    if (!stored && (!mayCreate || past)) unknown ??= id;
    if (past) return void targets.push({ spec: past, stored });
    const role = id === undefined ? undefined : defaultRoleOf(id, workingSet.groups);
    const whole = role === undefined ? {} : { defaultRole: role };
    const parsed = stored && partial ? mergeUpdate(stored.current.spec, body) : parseApp(body, whole);
    if (parsed.kind === 'ok') targets.push({ spec: parsed.spec, stored });
    else problems[parsed.stage].push(...parsed.problems.map((problem) => inList(problem, index)));
  });
  refuseProblems('schema', problems.schema);
  // an update of an app that is not there cannot be complete, so that is said first (api.md 3.7)
  if (unknown !== undefined) throw failures.appNotFound(unknown);
  refuseProblems('rules', problems.rules);
  const byId = new Map(targets.map((target) => [target.spec.id, target]));
  return [...byId.values()];
}

export const inList = ({ path, errors }: Problem, index: number): Problem => ({
  path: `(${index})${path === '/' ? '' : path}`,
  errors,
});

export function refuseProblems(stage: 'schema' | 'rules', problems: readonly Problem[]): void {
  if (problems.length) throw failures.invalidDefinition({ kind: 'problems', stage, problems });
}
