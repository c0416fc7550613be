// The readiness check of one task (behaviour.md 8): asked as soon as it runs, independent of its health, until it answers ready once;
// the next time an interval after the answer before. What nobody listens to yet was not asked, so that is tried again sooner.
import type { ReadinessCheck, ReadinessResult } from '#libs/model';
import type { Clock } from '#libs/time';
import { pause } from './pause.js';
import type { HttpAnswer } from './seams.js';

/** While nothing listens: growing to the interval. */
const EARLY_MS = 100;
const EARLY_GROWTH = 1.25;
const INTERVAL_MS_MIN = 1_000;
/** A body that differs with every answer is told at most this often: each report is a commit of the control plane. */
const BODY_NEWS_MS = 10_000;
const CONTENT_TYPE_CHARACTERS_MAX = 200;

export interface ReadinessLoop {
  readonly clock: Clock;
  readonly check: ReadinessCheck;
  readonly signal: AbortSignal;
  ask(): Promise<HttpAnswer>;
  /** Only when something worth telling changed. */
  changed(result: ReadinessResult): void;
}

/** Ends with the first ready answer, or when the signal aborts. */
export async function askUntilReady({ clock, check, signal, ask, changed }: ReadinessLoop): Promise<void> {
  const intervalMs = Math.max(check.intervalSeconds * 1000, INTERVAL_MS_MIN);
  let earlyMs = EARLY_MS;
  let told: ReadinessResult | null = null;
  let toldAt = -Infinity;
  while (!signal.aborted) {
    const answer = await ask();
    if (signal.aborted) return;
    const result = resultOf(answer, check);
    const isDue = clock.now() - toldAt >= BODY_NEWS_MS;
    if (headOf(result) !== headOf(told) || (isDue && JSON.stringify(result) !== JSON.stringify(told))) {
      changed(result);
      told = result;
      toldAt = clock.now();
    }
    if (result.ready) return;
    const wasAsked = answer.kind === 'answer' || answer.connected;
    await pause(clock, wasAsked ? intervalMs : Math.min(earlyMs, intervalMs), signal);
    if (!wasAsked) earlyMs *= EARLY_GROWTH;
  }
}

/** A task that cannot be asked is 504 in words, as Marathon records it. */
function resultOf(answer: HttpAnswer, check: ReadinessCheck): ReadinessResult {
  const lastResponse =
    answer.kind === 'answer'
      ? {
          status: answer.status,
          contentType: answer.contentType.slice(0, CONTENT_TYPE_CHARACTERS_MAX),
          body: answer.body,
        }
      : { status: 504, contentType: 'text/plain', body: `the task could not be asked: ${answer.cause}` };
  // only an answer of the task makes it ready, also where 504 is listed
  const ready = answer.kind === 'answer' && check.httpStatusCodesForReady.includes(answer.status);
  return { ready, ...(check.preserveLastResponse ? { lastResponse } : {}) };
}

/** All but the body. */
const headOf = (result: ReadinessResult | null): string =>
  JSON.stringify([result?.ready, result?.lastResponse?.status, result?.lastResponse?.contentType]);
