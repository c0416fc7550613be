// One scenario, run in this thread; and what of its outcome is worth sending to another one.
import { runScenario } from '../run.js';
import type { BrokenPromise, Outcome } from '../scenario/outcome.js';
import type { Scenario } from '../scenario/scenario.js';

/** A run that threw says so as a broken promise: a simulator that cannot go on has shown nothing. */
export const SIMULATOR_FAILED = 'simulator-failed';
/** So long may a run take, ms of real time; one of half an hour takes seconds. */
export const RUN_LIMIT_MS = 300_000;
export const ENDLESS = 'run-does-not-end';

export async function runSafely(scenario: Scenario, trace = false): Promise<Outcome> {
  try {
    return await runScenario(scenario, { trace });
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const broken = { rule: SIMULATOR_FAILED, text: text.split('\n').slice(0, 6).join(' | '), at: 0 };
    return { broken, digest: '', log: [], counts: {} };
  }
}

export interface SeedResult {
  readonly seed: string;
  readonly broken: BrokenPromise | null;
  /** One per replay. */
  readonly digests: readonly string[];
  /** Of one replay. */
  readonly counts: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
}

export const isSteady = ({ digests }: SeedResult): boolean => new Set(digests).size <= 1;

export async function runSeed(scenario: Scenario, replays: number): Promise<SeedResult> {
  const { broken, counts, digest } = await runSafely(scenario);
  const digests = [digest];
  while (digests.length < replays) digests.push((await runSafely(scenario)).digest);
  const simulatedMs = replays * (broken ? broken.at : scenario.durationMs);
  return { seed: scenario.seed, broken, digests, counts, simulatedMs };
}
