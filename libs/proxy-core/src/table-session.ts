// A proxy's conversation with the control plane: follows the stream of tables, swaps each into the data path, keeps it on disk and
// only then confirms it, and reports what is in flight to tasks that have left. Without a control plane it goes on with what it has
// (promise 6).
// A report is due every 3 s and at once after a swap or when a departed task has nothing in flight any more; each renews the lease.
import { PROXY_RENEW_MS, type ProxyAbout, type ProxyListens, type ProxyReport } from '#libs/agent-protocol';
import type { ProxyId, TaskId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { Clock, Timer } from '#libs/time';
import { isOlder, judgeTable } from './judge-table.js';
import { ControlPlaneAddress } from './control-plane-address.js';
import { Lease } from './lease.js';
import { RouteStream } from './route-stream.js';
import type {
  ProxyJournal,
  ProxyMemory,
  ProxyNetwork,
  ReportOutcome,
  TableUser,
  TrafficSource,
} from './seams.js';

export interface TableSessionParts {
  readonly clock: Clock;
  readonly network: ProxyNetwork;
  readonly journal: ProxyJournal;
  readonly user: TableUser;
  /** Absent: nothing is measured. */
  readonly traffic?: TrafficSource;
  readonly proxyId: ProxyId;
  /** Another one for each start of the process. */
  readonly run: string;
  /** Where clients reach this proxy, for people. */
  readonly address: string;
  /** What else they must know of it; asked for each report. */
  readonly listens?: () => ProxyListens;
  /** What they tell it apart by. */
  readonly about?: ProxyAbout;
  /** URLs, at least one; asked in this order until one names the leader. */
  readonly controlPlanes: readonly string[];
  /** As found on disk. */
  readonly memory: ProxyMemory;
  /** For the log: something a person may want to know. */
  readonly onNotice?: (text: string) => void;
}

const REPORT_TIMEOUT_MS = 3_000;
/** The most that a request waits for a table after a freeze (decisions.md 10). */
const FRESHEN_MS = 1_000;
/** Swaps take milliseconds; one that takes so long waits for something, such as room on a disk. */
const OVERTAKE_MS = 2_000;
const START_SWAP_MS = 10_000;

export class TableSession {
  readonly #parts: TableSessionParts;
  readonly #stream: RouteStream;
  readonly #leader: ControlPlaneAddress;
  readonly #lease: Lease;
  #memory: ProxyMemory;
  #confirmed = { epoch: 0, number: 0 };
  #offered: RouteTable | undefined;
  #applying: Promise<void> | undefined;
  #reporting: Promise<ReportOutcome> | undefined;
  /** Of the clock. */
  #reportingSince = 0;
  #reportAgain = false;
  #renewal: Timer | undefined;
  #notices = new Map<'table' | 'report' | 'journal', string>();
  #ended = false;

  constructor(parts: TableSessionParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
    this.#lease = new Lease(parts.clock);
    this.#leader = new ControlPlaneAddress(parts.controlPlanes);
    this.#stream = new RouteStream(parts.clock, parts.network, {
      query: () => ({
        at: this.#leader.current,
        epoch: this.#confirmed.epoch,
        after: this.#confirmed.number,
        by: { proxy: parts.proxyId, run: parts.run, address: parts.address },
      }),
      onTable: (table) => this.#offer(table),
      onEpoch: (epoch) => this.#seeEpoch(epoch),
      onLeader: (leader) => this.#moveTo(leader),
      onFailure: () => this.#leader.failed(),
    });
  }

  /** Serves from the table on disk first; resolves when it is swapped in, whether or not a control plane can be reached. */
  async start(): Promise<void> {
    const { table } = this.#memory;
    if (table) {
      const swapped = this.#parts.user.swap(table).then(() => true);
      // a data path that cannot carry it out must not keep us from asking for a newer one
      if (await this.#within(START_SWAP_MS, swapped))
        this.#confirmed = { epoch: table.epoch, number: table.number };
    }
    this.#stream.open();
    this.#reportSoon();
  }

  /** For each request: a promise to wait for when this process may have missed a table, e.g. after it was frozen. */
  freshen(): Promise<void> | undefined {
    return this.#ended ? undefined : this.#lease.renewedBy(() => this.#refresh());
  }

  /** The data path has nothing in flight to this task any more. */
  taskIdle(task: TaskId): void {
    if (!this.#isRouted(task)) this.#reportSoon();
  }

  /** Ends the conversation for good: the lease ends with this report. */
  async leave(): Promise<void> {
    this.#ended = true;
    this.#stream.close();
    this.#renewal?.cancel();
    await this.#applying;
    await this.#reporting;
    await this.#parts.network.report(
      this.#leader.current,
      this.#parts.proxyId,
      this.#report(true),
      REPORT_TIMEOUT_MS,
    );
  }

  /** Of the table that this process serves by, for people; ms since the control plane was last asked. */
  state(): { readonly table: RouteTable | null; readonly leaseMs: number } {
    return { table: this.#memory.table, leaseMs: this.#lease.left() };
  }

  get confirmed(): { readonly epoch: number; readonly number: number } {
    return this.#confirmed;
  }

  #offer(offered: unknown): Promise<void> | undefined {
    const verdict = judgeTable(this.#memory, offered);
    if (verdict.kind === 'refuse') {
      this.#note('table', verdict.reason);
      return undefined;
    }
    this.#note('table', undefined);
    if (this.#offered && isOlder(verdict.table, this.#offered)) return this.#applying;
    this.#offered = verdict.table;
    return (this.#applying ??= this.#apply().finally(() => (this.#applying = undefined)));
  }

  /** The newest one wins; those in between are skipped. */
  async #apply(): Promise<void> {
    for (let table = this.#offered; table; table = this.#offered) {
      this.#offered = undefined;
      const { cluster, epoch, number } = table;
      this.#memory = { cluster, epoch: Math.max(epoch, this.#memory.epoch), table };
      if (await this.#isOvertaken(this.#parts.user.swap(table))) continue;
      // on disk before it is confirmed: after a crash an older table would send requests to what was stopped because of this one
      await this.#save();
      this.#confirmed = { epoch, number };
      this.#reportSoon();
    }
  }

  /** A table that the data path cannot carry out for long must not keep newer ones away: true when one came meanwhile. */
  async #isOvertaken(swapped: Promise<void>): Promise<boolean> {
    const done = swapped.then(() => true);
    while (!(await this.#within(OVERTAKE_MS, done))) if (this.#offered || this.#ended) return true;
    return false;
  }

  async #save(): Promise<void> {
    try {
      await this.#parts.journal.save(this.#memory);
      this.#note('journal', undefined);
    } catch (error) {
      // confirmed all the same: a full disk must not stop every deployment
      const why = error instanceof Error ? error.message : String(error);
      this.#note('journal', `the route table cannot be kept on disk: ${why}`);
    }
  }

  #seeEpoch(epoch: number): boolean {
    if (epoch < this.#memory.epoch) return false;
    if (epoch > this.#memory.epoch) {
      this.#memory = { ...this.#memory, epoch };
      void this.#save();
    }
    return true;
  }

  #moveTo(leader: string): void {
    if (!this.#leader.follow(leader)) return;
    this.#stream.reopen();
    this.#reportSoon();
  }

  #reportSoon(): void {
    if (this.#ended) return;
    if (this.#reporting) {
      this.#reportAgain = true;
      return;
    }
    void this.#reportNow(REPORT_TIMEOUT_MS);
  }

  /** One at a time, so that an older report never arrives after a newer one. */
  #reportNow(timeoutMs: number): Promise<ReportOutcome> {
    return (this.#reporting ??= this.#sendReport(timeoutMs).finally(() => {
      this.#reporting = undefined;
      if (this.#ended) return;
      if (!this.#reportAgain) return;
      this.#reportAgain = false;
      this.#reportSoon();
    }));
  }

  async #sendReport(timeoutMs: number): Promise<ReportOutcome> {
    const { clock, network, proxyId } = this.#parts;
    const startedAt = clock.now();
    this.#reportingSince = startedAt;
    const lapsed = this.#lease.left() === 0;
    this.#renewal?.cancel();
    this.#renewal = clock.after(PROXY_RENEW_MS, () => this.#reportSoon());
    const outcome = await network.report(this.#leader.current, proxyId, this.#report(false), timeoutMs);
    // after a freeze the table of the answer has to be here first: `freshen` sees to that
    const isBehind = outcome.kind === 'answer' && isOlder(this.#confirmed, outcome.answer);
    // nor is a lease renewed that the control plane refuses (two proxies of one identity): no stop waits for this process any more
    if (outcome.kind !== 'refused' && (!lapsed || !isBehind)) this.#lease.asked(startedAt);
    if (outcome.kind === 'answer') {
      this.#parts.traffic?.answered();
      this.#leader.answered();
      this.#seeEpoch(outcome.answer.epoch);
    }
    if (outcome.kind === 'failed') this.#leader.failed();
    if (outcome.kind === 'elsewhere') this.#moveTo(outcome.leader);
    this.#note('report', outcome.kind === 'refused' ? outcome.message : undefined);
    return outcome;
  }

  #report(leaving: boolean): ProxyReport {
    const inFlight: Record<string, number> = {};
    for (const [task, count] of this.#parts.user.inFlight()) {
      if (!this.#isRouted(task)) inFlight[task] = count;
    }
    const traffic = this.#parts.traffic?.take();
    return {
      cluster: this.#memory.cluster,
      address: this.#parts.address,
      run: this.#parts.run,
      ...(this.#parts.listens ? { listens: this.#parts.listens() } : {}),
      ...(this.#parts.about ? { about: this.#parts.about } : {}),
      epoch: this.#memory.epoch,
      confirmed: this.#confirmed,
      inFlight,
      warnings: [...this.#parts.user.warnings(), ...this.#notices.values()],
      leaving,
      ...(traffic ? { traffic } : {}),
    };
  }

  #isRouted(task: TaskId): boolean {
    const services = this.#memory.table?.services ?? [];
    return services.some(({ targets }) => targets.some(({ taskId }) => taskId === task));
  }

  /** Renews the lease first and asks for the table then: from the renewal on nothing is stopped without our confirmation. */
  async #refresh(): Promise<'refused' | undefined> {
    const { clock, network } = this.#parts;
    const until = clock.now() + FRESHEN_MS;
    // one from before the freeze: its answer tells of the table of that time, and renewed nothing since
    if (this.#reporting && this.#reportingSince < clock.now() - FRESHEN_MS)
      await this.#within(FRESHEN_MS, this.#reporting);
    const outcome = await this.#within(until - clock.now(), this.#reportNow(FRESHEN_MS));
    const refused = outcome?.kind === 'refused' ? outcome.kind : undefined;
    // who is refused is not told whether its table is the newest
    const isBehind = outcome?.kind === 'answer' && isOlder(this.#confirmed, outcome.answer);
    const left = until - clock.now();
    if (left <= 0 || !(isBehind || refused)) return refused;
    const table = await network.fetchTable(this.#leader.current, left);
    if (table !== null) await this.#within(until - clock.now(), this.#offer(table));
    return refused;
  }

  #within<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
    if (!work) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const timer = this.#parts.clock.after(ms, () => resolve(undefined));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #note(topic: 'table' | 'report' | 'journal', text: string | undefined): void {
    if (this.#notices.get(topic) === text) return;
    if (text === undefined) this.#notices.delete(topic);
    else {
      this.#notices.set(topic, text);
      this.#parts.onNotice?.(text);
    }
  }
}
