// What came of a run.

export interface BrokenPromise {
  /** Name of the invariant; shrinking keeps to the same one. */
  readonly rule: string;
  readonly text: string;
  /** ms from the start of the run. */
  readonly at: number;
}

export interface Outcome {
  /** Null: every promise held. */
  readonly broken: BrokenPromise | null;
  /** sha-256 over the whole event log: equal digests, equal runs. */
  readonly digest: string;
  /** The last lines of the log, or all of it when it was asked for. */
  readonly log: readonly string[];
  /** How often things happened, so that a run that tests nothing is seen: commits, starts, stops, requests, epochs, … */
  readonly counts: Readonly<Record<string, number>>;
}
