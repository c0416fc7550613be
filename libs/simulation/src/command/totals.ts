// What all runs together did, so that one sees that they tested something; and the seeds that failed.
import { isSteady, type SeedResult } from './seed-run.js';

const EVENTS = 'things that happened';

export class Totals {
  seeds = 0;
  simulatedMs = 0;
  readonly failed: SeedResult[] = [];
  readonly #counts = new Map<string, number>();

  add(result: SeedResult): void {
    this.seeds += 1;
    this.simulatedMs += result.simulatedMs;
    for (const [what, count] of Object.entries(result.counts)) {
      this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
    }
    if (result.broken || !isSteady(result)) this.failed.push(result);
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** In the order of the seeds; threads finish in any. */
  get failures(): readonly SeedResult[] {
    const byNumber = (a: SeedResult, b: SeedResult): number => Number(a.seed) - Number(b.seed) || 0;
    return [...this.failed].sort(byNumber);
  }

  /** Of those that broke a promise: the first of each, at most so many; others of the same promise tell the same, as a rule. */
  examples(most: number): readonly SeedResult[] {
    const byRule = new Map<string, SeedResult>();
    for (const each of this.failures) {
      if (each.broken && !byRule.has(each.broken.rule)) byRule.set(each.broken.rule, each);
    }
    return [...byRule.values()].slice(0, most);
  }

  progress(wanted: number | null, elapsedMs: number): string {
    const share = wanted === null ? `${this.seeds} seeds` : `${this.seeds}/${wanted} seeds`;
    const rate = (this.seeds / Math.max(1, elapsedMs)) * 1000;
    const hours = this.simulatedMs / 3_600_000;
    const events = (this.#counts.get(EVENTS) ?? 0) / 1e6;
    const failed = this.failed.length ? `, ${this.failed.length} failed` : '';
    return `${share}, ${rate.toFixed(2)}/s, ${hours.toFixed(1)} simulated hours, ${events.toFixed(2)} million events${failed}`;
  }

  /** A table of the counts, and the failed seeds. */
  report(): string {
    const counts = Object.entries(this.counts);
    const width = Math.max(0, ...counts.map(([what]) => what.length));
    const table = counts.map(([what, count]) => `  ${what.padEnd(width)}  ${String(count).padStart(11)}`);
    const failures = this.failures.map((each) =>
      each.broken
        ? `FAILED seed ${each.seed}: ${each.broken.rule}: ${each.broken.text}`
        : `FAILED seed ${each.seed}: its runs differ: ${[...new Set(each.digests)].join(', ')}`,
    );
    const passed = this.seeds - this.failed.length;
    return [
      ...table,
      ...failures,
      `${passed} ${passed === 1 ? 'seed' : 'seeds'} passed, ${this.failed.length} failed`,
    ]
      .map((line) => `${line}\n`)
      .join('');
  }
}
