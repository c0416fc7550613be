// The `check` of one task (behaviour.md 8): run by its agent at its interval, only to be shown. It counts nothing and kills nothing.
import type { AgentCheck, CheckResult } from '#libs/model';
import type { Clock } from '#libs/time';
import { pause } from './pause.js';

/** An interval or time-out of 0 would never let go of the CPU, or never succeed. */
const MS_MIN = 1_000;

export interface AgentCheckLoop {
  readonly clock: Clock;
  readonly check: AgentCheck;
  /** Epoch ms; `delaySeconds` counts from here. */
  readonly runningSince: number;
  readonly signal: AbortSignal;
  ask(timeoutMs: number): Promise<CheckResult>;
  /** Only when the result changed. */
  changed(result: CheckResult): void;
}

/** Runs until the signal aborts. */
export async function runAgentCheck({
  clock,
  check,
  runningSince,
  signal,
  ask,
  changed,
}: AgentCheckLoop): Promise<void> {
  const intervalMs = Math.max(check.intervalSeconds * 1000, MS_MIN);
  const timeoutMs = Math.max(check.timeoutSeconds * 1000, MS_MIN);
  let told = '';
  await pause(clock, Math.max(0, runningSince + check.delaySeconds * 1000 - clock.now()), signal);
  while (!signal.aborted) {
    const result = await ask(timeoutMs);
    if (signal.aborted) return;
    const text = JSON.stringify(result);
    if (text !== told) changed(result);
    told = text;
    await pause(clock, intervalMs, signal);
  }
}
