// One health check of one running task: rounds at their interval, counted by libs/lifecycle; and before its first success quick extra
// probes, so that an instance is ready when its app is, not an interval later. Failures of extra probes do not count.
import { tallyProbe, type ProbeOutcome } from '#libs/lifecycle';
import type { HealthCheck, HealthResult } from '#libs/model';
import type { Clock } from '#libs/time';
import { pause } from './pause.js';

/** Marathon's: the first round comes after the interval, at most after this (behaviour.md 7.2). */
const FIRST_ROUND_MS_MAX = 5_000;
/** An interval of 0 would never let go of the CPU. */
const INTERVAL_MS_MIN = 1_000;
/** Extra probes: doubling up to 250 ms while an app usually starts, then growing slowly to the interval. */
const EARLY_MS = 50;
const EARLY_FAST_MS = 250;
const EARLY_GROWTH = 1.25;

export interface CheckLoop {
  readonly clock: Clock;
  readonly check: HealthCheck;
  /** Epoch ms; grace periods count from here. */
  readonly runningSince: number;
  readonly signal: AbortSignal;
  probe(timeoutMs: number): Promise<ProbeOutcome>;
  /** Only when something worth telling changed. */
  changed(result: HealthResult): void;
}

/** Runs until the signal aborts. */
export async function runCheck({
  clock,
  check,
  runningSince,
  signal,
  probe,
  changed,
}: CheckLoop): Promise<void> {
  const intervalMs = Math.max(check.intervalSeconds * 1000, INTERVAL_MS_MIN);
  const timeoutMs = Math.max(check.timeoutSeconds * 1000, INTERVAL_MS_MIN);
  const delayed = check.protocol === 'COMMAND' || check.protocol.startsWith('MESOS_');
  if (delayed)
    await pause(clock, Math.max(0, runningSince + check.delaySeconds * 1000 - clock.now()), signal);
  let roundAt = clock.now() + (delayed ? 0 : Math.min(intervalMs, FIRST_ROUND_MS_MAX));
  let early = check.protocol !== 'COMMAND';
  let earlyMs = EARLY_MS;
  let result: HealthResult | null = null;
  while (!signal.aborted) {
    const counts = clock.now() >= roundAt;
    if (counts) roundAt = clock.now() + intervalMs;
    // an extra probe never holds up the round that follows it for long
    const outcome = await probe(
      counts ? timeoutMs : Math.min(timeoutMs, Math.max(roundAt - clock.now(), EARLY_FAST_MS)),
    );
    if (signal.aborted) return;
    if (counts || outcome.kind === 'success') {
      const next: HealthResult | null = tallyProbe(check, result, outcome, {
        now: clock.now(),
        runningSince,
      });
      const news = next?.alive !== result?.alive || next?.consecutiveFailures !== result?.consecutiveFailures;
      result = next;
      if (next && news) changed(next);
    }
    if (outcome.kind === 'success') early = false;
    const untilRoundMs = Math.max(0, roundAt - clock.now());
    await pause(clock, early ? Math.min(earlyMs, untilRoundMs) : untilRoundMs, signal);
    earlyMs = Math.min(
      earlyMs < EARLY_FAST_MS ? Math.min(earlyMs * 2, EARLY_FAST_MS) : earlyMs * EARLY_GROWTH,
      intervalMs,
    );
  }
}
