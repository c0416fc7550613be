// What a person asks of definitions: create, replace, patch, many at once, restart, remove. Each is: read, plan, one commit.
// Refusals are LongrunErrors; a refused change is told as `group_change_failed` where Marathon does (behaviour.md 1).
import { failures, LongrunError } from '#libs/api-contract';
import { apiPostEvent, groupChangeFailed } from '#libs/events';
import {
  assignServicePorts,
  asDeploymentId,
  mergeUpdate,
  parseApp,
  resolveId,
  showApp,
  timestampOf,
  wantedVersion,
  type App,
  type AppChange,
  type AppId,
  type AppSpec,
  type AppVersion,
  type ParsedApp,
  type PortRange,
  type Problem,
} from '#libs/model';
import { nextVersion } from '#libs/planner';
import type { Store } from '#libs/store';
import type { Ids } from '#libs/time';
import type { Decide, Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { PortUsers } from './port-users.js';
import { groupsAbove, parentGroupOf } from './group-ids.js';
import { startDeployment, type StartedDeployment } from './start-deployment.js';

/** Decided in one turn, during which nobody else is served: about a second for this many. */
export const APPS_PER_CALL_MAX = 4_000;

/** Who called, for `api_post_event`. */
export interface ApiCall {
  readonly clientIp: string;
  /** Path without query. */
  readonly uri: string;
}

export interface SubmittedApp extends StartedDeployment {
  readonly created: boolean;
  /** As asked: automatically assigned service ports still read 0 (api.md 3.4). */
  readonly asked: AppSpec;
}

export interface UpdateOptions {
  readonly force: boolean;
  /** Members that are present replace the stored ones; otherwise the body is a whole definition. */
  readonly partial: boolean;
  /** PUT creates unknown apps, PATCH does not. */
  readonly mayCreate: boolean;
}

export interface AppCommandParts {
  readonly lane: Lane;
  readonly store: Store;
  readonly ids: Ids;
  readonly servicePorts: PortRange;
  /** Throws why no deploy is taken now: the server's own disk is nearly full (decisions.md 24), or all of it is shutting down. */
  readonly checkAccepts: () => void;
}

interface Target {
  readonly spec: AppSpec;
  readonly stored: App | undefined;
}

export class AppCommands {
  readonly #parts: AppCommandParts;

  constructor(parts: AppCommandParts) {
    this.#parts = parts;
  }

  create(body: unknown, force: boolean, call: ApiCall): Promise<SubmittedApp> {
    this.#parts.checkAccepts();
    const spec = accepted(parseApp(body));
    return this.#change(parentGroupOf(spec.id), (workingSet, now) => {
      if (livingApp(workingSet, spec.id)) throw failures.appExists(spec.id);
      return this.#submit([{ spec, stored: undefined }], { force, call }, workingSet, now);
    });
  }

  async update(id: AppId, body: unknown, options: UpdateOptions, call: ApiCall): Promise<SubmittedApp> {
    this.#parts.checkAccepts();
    const rollback = options.partial ? await this.#rollbackSpec(id, body) : null;
    return this.#change(parentGroupOf(id), (workingSet, now) => {
      const stored = livingApp(workingSet, id);
      if (rollback && !stored) throw failures.appNotFound(id);
      const spec = rollback ?? accepted(readUpdate(body, id, stored, options));
      if (!stored && !options.mayCreate) throw failures.appNotFound(id);
      return this.#submit([{ spec, stored }], { force: options.force, call }, workingSet, now);
    });
  }

  updateMany(body: unknown, options: UpdateOptions): Promise<StartedDeployment> {
    this.#parts.checkAccepts();
    return this.#change('/', (workingSet, now) => {
      const targets = readMany(body, options, workingSet);
      return this.#submit(targets, { force: options.force }, workingSet, now);
    });
  }

  restart(id: AppId, force: boolean): Promise<StartedDeployment> {
    this.#parts.checkAccepts();
    return this.#change(parentGroupOf(id), (workingSet, now) => {
      const app = requireApp(workingSet, id);
      const version = workingSet.nextVersion(now);
      const next = nextVersion(app.current, app.current.spec, version, { restart: true });
      const after = next.kind === 'new' ? next.version : app.current;
      return this.#start([{ appId: id, before: app.current, after }], { force, version }, workingSet, now);
    });
  }

  /** All in one deployment; unknown ids are refused before anything changes. */
  remove(ids: readonly AppId[], force: boolean, groupId: string): Promise<StartedDeployment> {
    return this.#change(groupId, (workingSet, now) => {
      const changes = ids.map((id) => ({
        appId: id,
        before: requireApp(workingSet, id).current,
        after: null,
      }));
      const version = workingSet.nextVersion(now);
      return this.#start(changes, { force, version, groupId }, workingSet, now);
    });
  }

  #submit(
    targets: readonly Target[],
    { force, call }: { force: boolean; call?: ApiCall },
    workingSet: WorkingSet,
    now: number,
  ): ReturnType<Decide<SubmittedApp>> {
    const version = workingSet.nextVersion(now);
    const ports = new PortUsers(workingSet.apps.values());
    const changes: AppChange[] = [];
    refuseClashes(targets, workingSet);
    for (const { spec, stored } of targets) {
      const assigned = this.#withPorts(spec, stored, ports);
      const next = nextVersion(stored?.current ?? null, assigned, version);
      const before = stored?.current ?? null;
      changes.push({ appId: spec.id, before, after: next.kind === 'new' ? next.version : before });
    }
    const [first] = targets;
    if (!first) throw failures.ruleViolation('/', 'names no app');
    const after = changes[0]?.after;
    const view = {
      now: timestampOf(now),
      showApp: (each: AppVersion) => ({ ...showApp(each.spec), version: each.version }),
    };
    const started = this.#start(
      changes,
      {
        force,
        version,
        groupId: targets.length === 1 && call ? parentGroupOf(first.spec.id) : '/',
        events: call && after ? [apiPostEvent(call, after, view)] : [],
      },
      workingSet,
      now,
    );
    return { ...started, value: { ...started.value, created: !first.stored, asked: first.spec } };
  }

  #start(
    changes: readonly AppChange[],
    request: Pick<Parameters<typeof startDeployment>[0], 'force' | 'version' | 'events'> & {
      readonly groupId?: string;
    },
    workingSet: WorkingSet,
    now: number,
  ): ReturnType<Decide<StartedDeployment>> {
    const id = asDeploymentId(this.#parts.ids.uuid());
    const groupId = request.groupId ?? parentGroupOf(changes[0]?.appId ?? '/');
    return startDeployment({ ...request, id, changes, groupId }, workingSet, now);
  }

  #withPorts(spec: AppSpec, stored: App | undefined, ports: PortUsers): AppSpec {
    const { servicePorts: range } = this.#parts;
    const assigned = assignServicePorts(spec, {
      ...(stored ? { previous: stored.current.spec } : {}),
      taken: (port) => ports.isTakenByOthers(port, spec.id),
      range,
    });
    if (assigned.kind === 'exhausted') throw failures.servicePortsExhausted(range.from, range.to);
    ports.add(assigned.spec);
    return assigned.spec;
  }

  async #rollbackSpec(id: AppId, body: unknown): Promise<AppSpec | null> {
    const wanted = wantedVersion(body);
    if (wanted.kind === 'none') return null;
    if (wanted.kind === 'problems') throw failures.invalidDefinition(wanted);
    const versions = await this.#parts.store.versions(id);
    const found = versions.find(({ version }) => version === wanted.version);
    if (!found) throw failures.appNotFound(id, wanted.version);
    return found.spec;
  }

  /** Submits; a change that the state does not allow is told as an event before the refusal is answered. */
  async #change<T>(groupId: string, decide: Decide<T>): Promise<T> {
    try {
      return await this.#parts.lane.submit(decide);
    } catch (error) {
      const told = ['deployment-lock', 'too-many-deployments', 'service-ports-exhausted'];
      if (error instanceof LongrunError && told.includes(error.code)) {
        await this.#parts.lane.submit((_workingSet, now) => ({
          writes: [],
          events: [groupChangeFailed(groupId, error.message, timestampOf(now))],
          value: undefined,
        }));
      }
      throw error;
    }
  }
}

/** One that is being removed is not there for the API. */
export function livingApp(workingSet: WorkingSet, id: AppId): App | undefined {
  const app = workingSet.apps.get(id);
  return app?.removing ? undefined : app;
}

export function requireApp(workingSet: WorkingSet, id: AppId): App {
  const app = livingApp(workingSet, id);
  if (!app) throw failures.appNotFound(id);
  return app;
}

function accepted(parsed: ParsedApp): AppSpec {
  if (parsed.kind === 'problems') throw failures.invalidDefinition(parsed);
  return parsed.spec;
}

function readUpdate(
  body: unknown,
  id: AppId,
  stored: App | undefined,
  { partial }: UpdateOptions,
): ParsedApp {
  return stored && partial ? mergeUpdate(stored.current.spec, body) : parseApp(body, { id });
}

function readMany(body: unknown, options: UpdateOptions, workingSet: WorkingSet): Target[] {
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
  const targets: Target[] = [];
  const problems: Record<'schema' | 'rules', Problem[]> = { schema: [], rules: [] };
  let unknown: AppId | undefined;
  body.forEach((each: unknown, index) => {
    const idText = typeof each === 'object' && each !== null ? (each as Record<string, unknown>)['id'] : null;
    if (options.partial && (idText === undefined || idText === null)) throw failures.updateWithoutId();
    const id = typeof idText === 'string' ? resolveId(idText) : undefined;
    const stored = id === undefined ? undefined : livingApp(workingSet, id);
    const parsed = stored && options.partial ? mergeUpdate(stored.current.spec, each) : parseApp(each);
    if (!stored && !options.mayCreate) unknown ??= id;
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

const inList = ({ path, errors }: Problem, index: number): Problem => ({
  path: `(${index})${path === '/' ? '' : path}`,
  errors,
});

function refuseProblems(stage: 'schema' | 'rules', problems: readonly Problem[]): void {
  if (problems.length) throw failures.invalidDefinition({ kind: 'problems', stage, problems });
}

/** An id is an app or a group, never both (behaviour.md 1, step 4). */
function refuseClashes(targets: readonly Target[], workingSet: WorkingSet): void {
  const apps = new Set([
    ...[...workingSet.apps.values()].filter(({ removing }) => !removing).map((app) => app.id),
    ...targets.map(({ spec }) => spec.id),
  ]);
  const groups = new Map([...apps].flatMap((app) => groupsAbove(app).map((group) => [group, app] as const)));
  for (const { spec } of targets) {
    const { id } = spec;
    const held = groups.get(id);
    if (held !== undefined) {
      throw failures.ruleViolation('/', `${id} is a group, for it holds the app ${held}: choose another id`);
    }
    const holder = groupsAbove(id).find((group) => apps.has(group));
    if (holder !== undefined) {
      throw failures.ruleViolation('/', `${holder} is an app and cannot hold ${id}: choose another id`);
    }
  }
}
