// What a person asks of groups (api.md 4.2): create, update in three modes, the role rule, remove. Everything that changes a
// definition is one deployment; a rule about roles is only a row.
import { failures } from '#libs/api-contract';
import {
  parentGroupOf,
  asDeploymentId,
  parseGroupUpdate,
  readEnforceRole,
  readGroupUpdate,
  type AppChange,
  type AppId,
  type GroupId,
  type GroupInput,
  type GroupUpdate,
  type PortRange,
  type Timestamp,
} from '#libs/model';
import type { Store } from '#libs/store';
import type { Ids } from '#libs/time';
import type { Foresight } from '../foresight/foresight.js';
import type { Decide, Lane, Proposal } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { appChangesOf, livingApp, requireApp, type Target } from './app-targets.js';
import { ChangeLane, type ChangeOptions } from './change-lane.js';
import { GroupHistory, type PastTree } from './group-history.js';
import { contentOf, planOfPast, planOfShape, targetsScaled, type GroupPlan } from './group-plan.js';
import { causedBy, startDeployment, type StartedDeployment } from './start-deployment.js';

export interface GroupCommandParts {
  readonly lane: Lane;
  readonly foresight: Foresight;
  readonly store: Store;
  readonly ids: Ids;
  readonly servicePorts: PortRange;
  /** See AppCommandParts. */
  readonly checkAccepts: () => void;
}

export interface SubmittedGroup extends StartedDeployment {
  readonly groupId: GroupId;
}

/** What the update asks for, with the tree of the version that it names. */
interface Asked {
  readonly update: GroupUpdate;
  readonly past: PastTree | null;
}

export class GroupCommands {
  readonly history: GroupHistory;
  readonly #parts: GroupCommandParts;
  readonly #lane: ChangeLane;

  constructor(parts: GroupCommandParts) {
    this.#parts = parts;
    this.#lane = new ChangeLane(parts.lane, parts.foresight);
    this.history = new GroupHistory(parts.store);
  }

  /** `state`: what is true now, for versions that are put back. */
  create(base: GroupId, body: unknown, options: ChangeOptions, state: WorkingSet): Promise<SubmittedGroup> {
    return this.#change(base, body, options, state, (id, workingSet) => {
      if (livingApp(workingSet, id)) throw failures.groupIsApp(id);
      if (id === '/' || workingSet.groups.has(id)) throw failures.groupExists(id);
    });
  }

  update(base: GroupId, body: unknown, options: ChangeOptions, state: WorkingSet): Promise<SubmittedGroup> {
    return this.#change(base, body, options, state, () => undefined);
  }

  /** The whole content goes; without an own id the root is emptied. */
  remove(id: GroupId, options: ChangeOptions): Promise<StartedDeployment> {
    const groupId = parentGroupOf(id);
    return this.#lane.run(groupId, options, (workingSet, now) => {
      if (id !== '/' && !workingSet.groups.has(id)) throw failures.groupNotFound(id);
      const { apps, groups } = contentOf(id, workingSet);
      const request = { version: workingSet.nextVersion(now), groupId, groupChanges: groups };
      return this.#start({ ...request, changes: removals(apps, workingSet) }, options, workingSet, now);
    });
  }

  /** Absent in the body: the default, false. No deployment, for nothing that runs depends on it. */
  async setEnforceRole(id: GroupId, body: unknown, dryRun = false): Promise<void> {
    const read = readEnforceRole(body);
    if (read.kind === 'problems') throw failures.invalidDefinition(read);
    if (id === '/' || parentGroupOf(id) !== '/') {
      throw failures.ruleViolation('/', 'enforceRole can only be changed for a top-level group');
    }
    const decide: Decide<void> = (workingSet) => {
      const group = workingSet.groups.get(id);
      if (!group) throw failures.groupNotFound(id);
      if (group.enforceRole === read.enforceRole) return { writes: [], value: undefined };
      const next = { ...group, enforceRole: read.enforceRole, revision: group.revision + 1 };
      return { writes: [{ kind: 'put-group', group: next }], value: undefined };
    };
    await (dryRun ? this.#parts.lane.preview(decide) : this.#parts.lane.submit(decide));
  }

  async #change(
    base: GroupId,
    body: unknown,
    options: ChangeOptions,
    state: WorkingSet,
    check: (id: GroupId, workingSet: WorkingSet) => void,
  ): Promise<SubmittedGroup> {
    this.#parts.checkAccepts();
    const read = readGroupUpdate(body);
    if (read.kind === 'problems') throw failures.invalidDefinition(read);
    const first = asked(read.input, base, state);
    const { update } = first;
    const past = update.kind === 'version' ? await this.#past(update, state) : null;
    return this.#lane.run(update.id, options, (workingSet, now) => {
      const current = first.holds(workingSet) ? first : asked(read.input, base, workingSet);
      check(update.id, workingSet);
      return this.#proposal({ update: current.update, past }, options, workingSet, now);
    });
  }

  async #past(update: Extract<GroupUpdate, { kind: 'version' }>, state: WorkingSet): Promise<PastTree> {
    const past = await this.history.at(update.version, update.id, state);
    if (past?.groups.has(update.id)) return past;
    throw failures.groupVersionUnknown(update.id, update.version);
  }

  #proposal(
    { update, past }: Asked,
    options: ChangeOptions,
    workingSet: WorkingSet,
    now: number,
  ): Proposal<SubmittedGroup> {
    const version = workingSet.nextVersion(now);
    const plan = planOf(update, past, workingSet);
    const changes = [
      ...removals(plan.removed, workingSet),
      ...this.#changesOf(plan.targets, version, workingSet),
    ];
    const [role] = plan.roleChanges;
    if (role && changes.some(({ before, after }) => before?.version !== after?.version)) {
      const text = 'cannot be changed in a request that also changes apps: send it alone';
      throw failures.ruleViolation(role.path, text);
    }
    const request = { version, groupId: update.id, groupChanges: plan.groups, changes };
    const started = this.#start(request, options, workingSet, now);
    return { ...started, value: { ...started.value, groupId: update.id } };
  }

  #changesOf(targets: readonly Target[], version: Timestamp, workingSet: WorkingSet): readonly AppChange[] {
    return appChangesOf(targets, version, this.#parts.servicePorts, workingSet);
  }

  #start(
    request: Omit<Parameters<typeof startDeployment>[0], 'id' | 'force'>,
    { force, by }: ChangeOptions,
    workingSet: WorkingSet,
    now: number,
  ): Proposal<StartedDeployment> {
    const id = asDeploymentId(this.#parts.ids.uuid());
    return startDeployment({ ...request, id, force, ...causedBy(by) }, workingSet, now);
  }
}

interface ReadUpdate {
  readonly update: GroupUpdate;
  /** Would it be read the same? It depends on which groups give their apps a role. */
  readonly holds: (workingSet: WorkingSet) => boolean;
}

function asked(input: GroupInput, base: GroupId, state: WorkingSet): ReadUpdate {
  const roles = new Map<GroupId, boolean>();
  const enforcesRole = (group: GroupId): boolean => {
    roles.set(group, enforces(state, group));
    return enforces(state, group);
  };
  const parsed = parseGroupUpdate(input, { base, enforcesRole });
  if (parsed.kind === 'problems') throw failures.invalidDefinition(parsed);
  const holds = (workingSet: WorkingSet): boolean =>
    [...roles].every(([group, given]) => enforces(workingSet, group) === given);
  return { update: parsed.update, holds };
}

const enforces = (workingSet: WorkingSet, topLevel: GroupId): boolean =>
  workingSet.groups.get(topLevel)?.enforceRole ?? false;

function planOf(update: GroupUpdate, past: PastTree | null, workingSet: WorkingSet): GroupPlan {
  if (update.kind === 'structure') return planOfShape(update.shape, workingSet);
  if (past) return planOfPast(update.id, past, workingSet);
  if (update.kind === 'version') throw failures.groupVersionUnknown(update.id, update.version);
  if (update.id !== '/' && !workingSet.groups.has(update.id)) {
    throw failures.invalidArgument(`Group '${update.id}' does not exist: there is nothing to scale`);
  }
  return {
    targets: targetsScaled(update.id, update.by, workingSet),
    removed: [],
    groups: [],
    roleChanges: [],
  };
}

const removals = (apps: readonly AppId[], workingSet: WorkingSet): AppChange[] =>
  apps.map((appId) => ({ appId, before: requireApp(workingSet, appId).current, after: null }));
