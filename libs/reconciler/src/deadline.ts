// How long a deployment may be without progress, and how long it has been (promise 4, decisions.md 18). Time in which nobody led does
// not count; all other time does, however often the leader changes.
import { DEADLINE_LABEL } from '#libs/lifecycle';
import { SETTING_RANGES } from '#libs/model';
import type { App, AppVersion, Deployment } from '#libs/model';
import { minReadyMsOf } from './settled.js';
import { situationsUnderWay, type SituationOf } from './progress.js';
import type { ClusterSnapshot } from './snapshot.js';

/** How often the time without progress is written down. What an office did not write, so much at most, counts as led by the next one. */
export const IDLE_NOTE_MS = 60_000;

/** Milliseconds without progress so far, under whatever leader. What lies ahead was read off an earlier leader's clock. */
export function idleMs(
  deployment: Deployment,
  { officeSince }: Pick<ClusterSnapshot, 'officeSince'>,
  now: number,
): number {
  const { ms, at } = deployment.idle ?? { ms: 0, at: deployment.progressAt };
  const before = Math.min(Math.max(0, officeSince - at), IDLE_NOTE_MS);
  return ms + before + Math.max(0, now - (at > now ? officeSince : Math.max(at, officeSince)));
}

/** Must it be written down now? Once at the beginning of an office, and then every `IDLE_NOTE_MS`. */
export function isIdleNoteDue(
  deployment: Deployment,
  { officeSince }: Pick<ClusterSnapshot, 'officeSince'>,
  now: number,
): boolean {
  const at = deployment.idle?.at ?? deployment.progressAt;
  return at < officeSince || at > now || now - at >= IDLE_NOTE_MS;
}

/** Of the step under way: the longest of its apps, and in it the wait for a launch delay that holds now. */
export function deadlineMs(
  deployment: Deployment,
  { settings }: Pick<ClusterSnapshot, 'settings'>,
  situationOf: SituationOf,
  now: number,
): number {
  const situations = situationsUnderWay(deployment, situationOf);
  const delays = situations.map(({ app: { launchDelay } }) =>
    launchDelay && launchDelay.until > now ? launchDelay.delayMs : 0,
  );
  const limits = situations.map(({ app }) => wantedDeadlineMs(app) ?? computedDeadlineMs(app, settings));
  return Math.max(...(limits.length ? limits : [settings.deadlineMs])) + Math.max(0, ...delays);
}

/** What a person set for the app, which is obeyed exactly: its setting, else its label. A label out of range is as if absent. */
export function wantedDeadlineMs({ settings, current }: Pick<App, 'settings' | 'current'>): number | null {
  const { from, to } = SETTING_RANGES.progressDeadlineSeconds;
  const seconds =
    settings?.progressDeadlineSeconds ?? Number(current.spec.labels[DEADLINE_LABEL] ?? Number.NaN);
  return seconds >= from && seconds <= to ? seconds * 1000 : null;
}

/** At least the setting of the control plane, and enough for the app's checks to pass or fail and for new instances to be settled. */
export function computedDeadlineMs(
  app: Pick<App, 'current' | 'settings'>,
  settings: ClusterSnapshot['settings'],
): number {
  return Math.max(
    settings.deadlineMs,
    checksMs(app.current) + SLACK_MS,
    minReadyMsOf(app, settings) + SLACK_MS,
  );
}

const SLACK_MS = 60_000;
/** An app that is asked once an hour whether it is ready gets a few hours. */
const READINESS_POLLS = 5;

/** How long its checks may take to pass or fail, ms; 0 without any. */
export function checksMs({ spec }: AppVersion): number {
  const health = spec.healthChecks.map(
    (check) =>
      check.gracePeriodSeconds +
      check.intervalSeconds * (check.maxConsecutiveFailures + 1) +
      check.timeoutSeconds,
  );
  const readiness = (spec.readinessChecks ?? []).map(
    (check) => READINESS_POLLS * (check.intervalSeconds + check.timeoutSeconds),
  );
  return Math.max(0, ...[...health, ...readiness].map((seconds) => seconds * 1000));
}
