// What a person asks of definitions: create, replace, patch, many at once, restart, remove. Each is: read, plan, one commit.
// Refusals are LongrunErrors; a refused change is told as `group_change_failed` where Marathon does (behaviour.md 1).
import { failures } from '#libs/api-contract';
import { apiPostEvent } from '#libs/events';
import {
  parentGroupOf,
  asDeploymentId,
  mergeUpdate,
  parseApp,
  showApp,
  timestampOf,
  wantedVersion,
  type App,
  type AppChange,
  type AppId,
  type AppSpec,
  type AppVersion,
  type Cause,
  type ParsedApp,
  type PortRange,
} from '#libs/model';
import { nextVersion } from '#libs/planner';
import type { Store } from '#libs/store';
import type { Ids } from '#libs/time';
import type { Foresight } from '../foresight/foresight.js';
import type { Lane, Proposal } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { appChangesOf, livingApp, requireApp, type Target } from './app-targets.js';
import { bulkItems, bulkTargets, inList, refuseProblems, type BulkItem } from './bulk-update.js';
import { ChangeLane, type ChangeOptions } from './change-lane.js';
import { defaultRoleOf } from './group-state.js';
import {
  causedBy,
  startDeployment,
  type DeploymentRequest,
  type StartedDeployment,
} from './start-deployment.js';

/** Who called: for `api_post_event`, and as the cause of what follows. */
export interface ApiCall {
  readonly clientIp: string;
  /** Path without query. */
  readonly uri: string;
  readonly by?: Cause;
}

export interface SubmittedApp extends StartedDeployment {
  readonly created: boolean;
  /** As asked: automatically assigned service ports still read 0 (api.md 3.4). */
  readonly asked: AppSpec;
}

export interface UpdateOptions extends ChangeOptions {
  /** Members that are present replace the stored ones; otherwise the body is a whole definition. */
  readonly partial: boolean;
  /** PUT creates unknown apps, PATCH does not. */
  readonly mayCreate: boolean;
}

export interface AppCommandParts {
  readonly lane: Lane;
  readonly foresight: Foresight;
  readonly store: Store;
  readonly ids: Ids;
  readonly servicePorts: PortRange;
  /** Throws why no deploy is taken now: the server's own disk is nearly full (decisions.md 24), or all of it is shutting down. */
  readonly checkAccepts: () => void;
}

export class AppCommands {
  readonly #parts: AppCommandParts;
  readonly #lane: ChangeLane;

  constructor(parts: AppCommandParts) {
    this.#parts = parts;
    this.#lane = new ChangeLane(parts.lane, parts.foresight);
  }

  async create(body: unknown, force: boolean, call: ApiCall, dryRun = false): Promise<SubmittedApp> {
    this.#parts.checkAccepts();
    const asked = accepted(parseApp(body));
    const { id } = asked;
    return this.#lane.run(parentGroupOf(id), { dryRun }, (workingSet, now) => {
      if (livingApp(workingSet, id)) throw failures.appExists(id);
      const hasRole = defaultRoleOf(id, workingSet.groups) !== undefined;
      const spec = hasRole ? accepted(parseApp(body, withRole({}, id, workingSet))) : asked;
      return this.#submit([{ spec, stored: undefined }], { force, call }, workingSet, now);
    });
  }

  async update(id: AppId, body: unknown, options: UpdateOptions, call: ApiCall): Promise<SubmittedApp> {
    this.#parts.checkAccepts();
    const rollback = options.partial ? await this.#rollbackSpec(id, body) : null;
    return this.#lane.run(parentGroupOf(id), options, (workingSet, now) => {
      const stored = livingApp(workingSet, id);
      if (rollback && !stored) throw failures.appNotFound(id);
      const spec = rollback ?? accepted(readUpdate(body, id, stored, options, workingSet));
      if (!stored && !options.mayCreate) throw failures.appNotFound(id);
      return this.#submit([{ spec, stored }], { force: options.force, call }, workingSet, now);
    });
  }

  async updateMany(body: unknown, options: UpdateOptions): Promise<StartedDeployment> {
    this.#parts.checkAccepts();
    const items = bulkItems(body, options);
    const rollbacks = options.partial ? await this.#rollbacksIn(items) : new Map<number, AppSpec>();
    return this.#lane.run(parentGroupOf('/'), options, (workingSet, now) => {
      const targets = bulkTargets(items, options, rollbacks, workingSet);
      return this.#submit(targets, options, workingSet, now);
    });
  }

  async restart(id: AppId, force: boolean, dryRun = false, by?: Cause): Promise<StartedDeployment> {
    this.#parts.checkAccepts();
    const groupId = parentGroupOf(id);
    return this.#lane.run(groupId, { dryRun }, (workingSet, now) => {
      const app = requireApp(workingSet, id);
      const version = workingSet.nextVersion(now);
      const next = nextVersion(app.current, app.current.spec, version, { restart: true });
      const after = next.kind === 'new' ? next.version : app.current;
      const changes = [{ appId: id, before: app.current, after }];
      return this.#start({ changes, force, version, groupId, ...causedBy(by) }, workingSet, now);
    });
  }

  async remove(id: AppId, force: boolean, dryRun = false, by?: Cause): Promise<StartedDeployment> {
    const groupId = parentGroupOf(id);
    return this.#lane.run(groupId, { dryRun }, (workingSet, now) => {
      const changes = [{ appId: id, before: requireApp(workingSet, id).current, after: null }];
      const version = workingSet.nextVersion(now);
      return this.#start({ changes, force, version, groupId, ...causedBy(by) }, workingSet, now);
    });
  }

  #submit(
    targets: readonly Target[],
    { force, call, by }: ChangeOptions & { readonly call?: ApiCall },
    workingSet: WorkingSet,
    now: number,
  ): Proposal<SubmittedApp> {
    const version = workingSet.nextVersion(now);
    const changes = appChangesOf(targets, version, this.#parts.servicePorts, workingSet);
    const [first] = targets;
    if (!first) throw failures.ruleViolation('/', 'names no app');
    const groupId = call ? parentGroupOf(first.spec.id) : parentGroupOf('/');
    const events = call ? submissionEvents(call, changes, now) : [];
    const cause = causedBy(call?.by ?? by);
    const started = this.#start({ changes, force, version, groupId, events, ...cause }, workingSet, now);
    return { ...started, value: { ...started.value, created: !first.stored, asked: first.spec } };
  }

  #start(
    request: Omit<DeploymentRequest, 'id'>,
    workingSet: WorkingSet,
    now: number,
  ): Proposal<StartedDeployment> {
    const id = asDeploymentId(this.#parts.ids.uuid());
    return startDeployment({ ...request, id }, workingSet, now);
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

  async #rollbacksIn(items: readonly BulkItem[]): Promise<Map<number, AppSpec>> {
    const specs = new Map<number, AppSpec>();
    for (const [index, { id, body }] of items.entries()) {
      const wanted = wantedVersion(body);
      if (wanted.kind === 'problems') {
        refuseProblems(
          wanted.stage,
          wanted.problems.map((problem) => inList(problem, index)),
        );
      }
      const spec = id !== undefined && wanted.kind === 'version' && (await this.#rollbackSpec(id, body));
      if (spec) specs.set(index, spec);
    }
    return specs;
  }
}

function submissionEvents(
  call: ApiCall,
  changes: readonly AppChange[],
  now: number,
): ReturnType<typeof apiPostEvent>[] {
  const view = {
    now: timestampOf(now),
    showApp: (each: AppVersion) => ({ ...showApp(each.spec), version: each.version }),
  };
  return changes.flatMap(({ after }) => (after ? [apiPostEvent(call, after, view)] : []));
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
  workingSet: WorkingSet,
): ParsedApp {
  if (stored && partial) return mergeUpdate(stored.current.spec, body);
  return parseApp(body, withRole({ id }, id, workingSet));
}

function withRole<T extends object>(
  context: T,
  id: AppId,
  { groups }: WorkingSet,
): T & { readonly defaultRole?: string } {
  const defaultRole = defaultRoleOf(id, groups);
  return defaultRole === undefined ? context : { ...context, defaultRole };
}
