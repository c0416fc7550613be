// The one serial lane: every change of state is decided on the working set, committed, applied and published here, one after
// the other. So nobody ever decides on rows that somebody else is just changing, and what is published is what is stored.
// A conflict (somebody wrote beside us) reloads and decides again; a fence or a lost store closes the lane.
import { failures } from '#libs/api-contract';
import { deriveEvents, type EventView, type NewEvent, type StoredEvent } from '#libs/events';
import { timestampOf, type Timestamp } from '#libs/model';
import { StoreUnavailable, type CommitResult, type Guard, type Store, type Write } from '#libs/store';
import type { Clock } from '#libs/time';
import type { Log } from './log.js';
import { tableWrites } from './table-number.js';
import type { Touched, WorkingSet } from './working-set.js';

/** What one entry wants; nothing is committed when it has neither writes nor events. */
export interface Proposal<T> {
  readonly writes: readonly Write[];
  /** Facts about the call itself (`api_post_event`, …); they precede what is derived from the writes, but for what the call ended. */
  readonly events?: readonly NewEvent[];
  readonly value: T;
}
/** Decides synchronously on the working set; throws a LongrunError to refuse. It may be called again after a conflict. */
export type Decide<T> = (workingSet: WorkingSet, now: number) => Proposal<T>;

export interface Committed {
  readonly workingSet: WorkingSet;
  readonly touched: Touched;
  readonly events: readonly StoredEvent[];
  readonly now: number;
}
/** Told in the turn of the commit, in the order of commits. Must not throw. */
export type Follower = (committed: Committed) => void;

export type EventRules = Pick<EventView, 'condition' | 'taskState' | 'healthy' | 'showApp'>;

export interface LaneParts {
  readonly store: Pick<Store, 'commit'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Null: nobody reads events, none are made. */
  readonly rules: ((workingSet: WorkingSet) => EventRules) | null;
  /** Loads everything anew; the lane goes on with what it returns. */
  readonly reload: () => Promise<WorkingSet>;
  /** Called before each decision. */
  readonly beforeDecision?: () => void;
  /** The store refused us or went away: the office is over for now. */
  readonly lost: (why: 'fenced' | 'unavailable', error?: unknown) => void;
}

/** Conflicts come from writers beside the leader (a person with psql, an older leader's last commit): rarely more than one. */
const ATTEMPTS = 5;

export class Lane {
  readonly #parts: LaneParts;
  readonly #followers: Follower[] = [];
  readonly #queue: (() => Promise<void>)[] = [];
  #workingSet: WorkingSet | null = null;
  #closedWhy: 'not-leading' | 'unavailable' = 'not-leading';
  #pumping = false;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#workingSet !== null;
  }

  open(workingSet: WorkingSet): void {
    this.#workingSet = workingSet;
  }
  /** Entries that wait are refused; one that is being committed ends by itself. */
  close(why: 'not-leading' | 'unavailable'): void {
    this.#workingSet = null;
    this.#closedWhy = why;
  }
  follow(follower: Follower): void {
    this.#followers.push(follower);
  }

  /** Resolves after the commit was applied and published; rejects with the refusal, or because the lane is closed. */
  submit<T>(decide: Decide<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.push(() => this.#run(decide).then(resolve, reject));
      if (!this.#pumping) void this.#pump();
    });
  }

  /** What `decide` would answer now, without a commit: for dry runs. Refusals are those of the real call. */
  async preview<T>(decide: Decide<T>): Promise<T> {
    if (!this.#workingSet) throw this.#closed();
    return decide(this.#workingSet, this.#parts.clock.now()).value;
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) await next();
    this.#pumping = false;
  }

  async #run<T>(decide: Decide<T>): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const workingSet = this.#workingSet;
      if (!workingSet) throw this.#closed();
      this.#parts.beforeDecision?.();
      const now = this.#parts.clock.now();
      const proposal = decide(workingSet, now);
      if (!proposal.writes.length && !proposal.events?.length) return proposal.value;
      const writes = [...proposal.writes, ...tableWrites(proposal.writes, workingSet)];
      const events = this.#events(proposal, writes, workingSet, now);
      const guards = guardsOf(writes, workingSet);
      const result = await this.#commit({ epoch: workingSet.epoch, guards, writes, events });
      if (result.kind === 'committed') {
        this.#publish(workingSet, writes, result.events, now);
        return proposal.value;
      }
      if (result.kind === 'fenced') {
        this.#parts.lost('fenced');
        throw failures.notLeading();
      }
      this.#parts.log.warn({ guard: result.guard, attempt }, 'commit conflict: loading everything anew');
      await this.#reload();
    }
    throw failures.conflict('The state kept changing meanwhile. Try again.');
  }

  async #commit(commit: Parameters<Store['commit']>[0]): Promise<CommitResult> {
    try {
      return await this.#parts.store.commit(commit);
    } catch (error) {
      // whether it was written is unknown until the next load, so this office ends here
      this.#parts.lost('unavailable', error);
      if (error instanceof StoreUnavailable) throw failures.storageUnavailable(error);
      throw error;
    }
  }

  async #reload(): Promise<void> {
    try {
      const workingSet = await this.#parts.reload();
      if (this.#workingSet) this.#workingSet = workingSet;
    } catch (error) {
      this.#parts.lost('unavailable', error);
      throw failures.storageUnavailable(error);
    }
  }

  #publish(
    workingSet: WorkingSet,
    writes: readonly Write[],
    events: readonly StoredEvent[],
    now: number,
  ): void {
    const touched = workingSet.apply(writes, now);
    for (const follower of this.#followers) follower({ workingSet, touched, events, now });
  }

  #events(
    { events: facts }: Proposal<unknown>,
    writes: readonly Write[],
    workingSet: WorkingSet,
    now: number,
  ): NewEvent[] {
    const { rules } = this.#parts;
    if (!rules) return [];
    const changes = workingSet.changesOf(writes);
    const written = new Map(changes.versions.map((each) => [`${each.spec.id} ${each.version}`, each]));
    const view: EventView = {
      ...rules(workingSet),
      now: timestampOf(now),
      version: (app, version: Timestamp) =>
        written.get(`${app} ${version}`) ?? workingSet.version(app, version),
      group: (id) => workingSet.groups.get(id),
      agent: (id) =>
        changes.agents.find(({ after }) => after?.info.id === id)?.after ?? workingSet.agents.get(id),
    };
    return deriveEvents(changes, view, facts);
  }

  #closed(): Error {
    return this.#closedWhy === 'unavailable' ? failures.storageUnavailable() : failures.notLeading();
  }
}

/** Every goal row that is written must still be as the decision saw it (decisions.md 3). */
function guardsOf(writes: readonly Write[], workingSet: WorkingSet): Guard[] {
  const guards = new Map<string, Guard>();
  for (const write of writes) {
    const guard = guardOf(write, workingSet);
    if (guard) guards.set(`${guard.kind} ${guard.id}`, guard);
  }
  return [...guards.values()];
}

function guardOf(write: Write, workingSet: WorkingSet): Guard | null {
  switch (write.kind) {
    case 'put-app':
    case 'remove-app': {
      const id = write.kind === 'put-app' ? write.app.id : write.id;
      return { kind: 'app', id, revision: workingSet.apps.get(id)?.revision ?? null };
    }
    case 'put-group':
    case 'remove-group': {
      const id = write.kind === 'put-group' ? write.group.id : write.id;
      return { kind: 'group', id, revision: workingSet.groups.get(id)?.revision ?? null };
    }
    case 'put-deployment': {
      const { id } = write.deployment;
      return { kind: 'deployment', id, revision: workingSet.deployments.get(id)?.revision ?? null };
    }
    case 'put-instance':
    case 'remove-instance': {
      const id = write.kind === 'put-instance' ? write.instance.id : write.id;
      return { kind: 'instance', id, goalRevision: workingSet.instance(id)?.goalRevision ?? null };
    }
    default:
      return null;
  }
}
