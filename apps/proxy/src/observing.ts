// What one serving process sees of its own traffic: counts for reports and metrics, and the access log where it is asked for.
import { TRAFFIC_SERIES_MAX, type TrafficStanding } from '#libs/agent-protocol';
import { HeaderRefusals, TrafficStats, type Observer, type ProcessSnapshot } from '#libs/proxy-engine';
import type { HeaderFault, RequestRecord, TrafficSource, TrafficSums } from '#libs/proxy-core';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import { AccessLog } from './access-log.js';

export interface ObservingOptions {
  readonly accessLog?: { readonly file: string; readonly sample: number };
  readonly onProblem: (text: string) => void;
}

export class Observing implements Observer {
  readonly #stats = new TrafficStats();
  readonly #headerRefusals = new HeaderRefusals();
  readonly #log: AccessLog | undefined;
  #tableAt = 0;

  constructor({ accessLog, onProblem }: ObservingOptions) {
    this.#log = accessLog && new AccessLog({ ...accessLog, onProblem });
  }

  /** For the reports to the control plane. `standings`: at the moment, the busiest first. */
  source(standings: () => readonly TrafficStanding[]): TrafficSource {
    return {
      take: () => {
        const standing = standings().slice(0, TRAFFIC_SERIES_MAX);
        const report = this.#stats.take();
        if (standing.length === 0) return report;
        return { series: report?.series ?? [], standing };
      },
      answered: () => this.#stats.answered(),
    };
  }

  ended(record: RequestRecord): void {
    this.#stats.ended(record);
    this.#log?.ended(record);
  }

  /** For the access log alone, of an engine whose counts come another way. */
  logged(record: RequestRecord, taken: number): void {
    this.#log?.ended(record, taken);
  }

  leftOut(service: RouteService, target: RouteTarget): void {
    this.#stats.leftOut(service, target);
  }

  headerRefused(service: RouteService, fault: HeaderFault): void {
    this.#headerRefusals.note(service, fault);
  }

  counted(service: RouteService, target: RouteTarget | undefined, sums: TrafficSums): void {
    this.#stats.counted(service, target, sums);
  }

  swap(table: RouteTable): void {
    this.#stats.swap(table);
    this.#tableAt = performance.now();
  }

  /** What is wrong at the moment. */
  warnings(): readonly string[] {
    return this.#log?.problem === undefined ? [] : [this.#log.problem];
  }

  reopenLog(): void {
    this.#log?.reopen();
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  snapshot(of: {
    readonly table: RouteTable | null;
    readonly confirmed: { readonly epoch: number; readonly number: number };
    readonly leaseMs: number;
    readonly inFlight: ReadonlyMap<string, number>;
    readonly standing: readonly TrafficStanding[];
  }): ProcessSnapshot {
    const { table, confirmed, leaseMs, inFlight, standing } = of;
    const services = table?.services ?? [];
    return {
      totals: this.#stats.totals(),
      inFlight: Object.fromEntries(inFlight),
      standing,
      table: {
        epoch: table?.epoch ?? 0,
        number: table?.number ?? 0,
        madeAt: table?.madeAt ?? null,
        confirmed,
        ageMs: table ? Math.round(performance.now() - this.#tableAt) : 0,
        leaseMs,
        services: services.length,
        targets: services.reduce((all, { targets }) => all + targets.length, 0),
      },
      ...(this.#log ? { log: this.#log.counts } : {}),
      headerRefusals: this.#headerRefusals.counts(),
    };
  }
}
