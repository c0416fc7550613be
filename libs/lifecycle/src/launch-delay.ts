// Launch backoff (behaviour.md 9): how long to wait before the next start after one that ended badly.
// The control plane uses it with Postgres's clock, an agent without a session with its own (decisions.md 15).
import { configOf } from '#libs/model';
import type { App, AppVersion, Instance, LaunchBackoff, LaunchDelay } from '#libs/model';
import { currentStatus } from './condition.js';
import { countsForDelay } from './failure.js';

/** The delay after one more failure, in ms: min(initial, max) first, then previous x factor, at most max. */
export function nextDelayMs(previousMs: number, backoff: Omit<LaunchBackoff, 'delayMs'>): number {
  const grown = previousMs > 0 ? previousMs * backoff.factor : backoff.initialMs;
  return Math.min(Math.round(grown), backoff.maxMs);
}

/** The numbers of an app, for `nextDelayMs` and for the agent. */
export const backoffOf = ({ spec }: AppVersion): Omit<LaunchBackoff, 'delayMs'> => ({
  initialMs: spec.backoffSeconds * 1000,
  factor: spec.backoffFactor,
  maxMs: spec.maxLaunchDelaySeconds * 1000,
});

/** The delay that holds now for instances of this version; none if it is of another config or its last entry is too old. */
export function currentDelay(
  app: App,
  now: number,
  version: AppVersion = app.current,
): LaunchDelay | undefined {
  const { launchDelay } = app;
  if (!launchDelay || launchDelay.configVersion !== configOf(version, app.current)) return undefined;
  return now > forgottenAt(launchDelay, version) ? undefined : launchDelay;
}

/** When a delay is forgotten if nothing more happens, epoch ms: maxLaunchDelaySeconds after its last entry, never before it is over. */
export const forgottenAt = (delay: LaunchDelay, { spec }: AppVersion): number =>
  Math.max(delay.referenceAt + spec.maxLaunchDelaySeconds * 1000, delay.until);

/**
 * When this waiting instance may be launched, epoch ms; 0 = at once. An app keeps one delay, that of its newest config that failed. An
 * instance of an older one (a rollout was cancelled, and two versions run) waits its first delay after each end, and changes nothing.
 */
export function launchableAt(app: App, instance: Instance, version: AppVersion, now: number): number {
  const delay = currentDelay(app, now, version);
  if (delay) return delay.until;
  if (!isOfNewerConfig(app, version) || !countsForDelay(instance)) return 0;
  const { initialMs, maxMs } = backoffOf(version);
  return (currentStatus(instance)?.movedAt ?? 0) + Math.min(initialMs, maxMs);
}

const isOfNewerConfig = ({ launchDelay, current }: App, version: AppVersion): boolean =>
  launchDelay !== undefined && launchDelay.configVersion > configOf(version, current);

/** After an instance of this version became Failed, Error, Dropped, Gone or Finished; the same object if that is of no account. */
export function delayAfterFailure(app: App, now: number, version: AppVersion = app.current): LaunchDelay {
  if (app.launchDelay && isOfNewerConfig(app, version)) return app.launchDelay;
  const delayMs = nextDelayMs(currentDelay(app, now, version)?.delayMs ?? 0, backoffOf(version));
  return { configVersion: configOf(version, app.current), delayMs, until: now + delayMs, referenceAt: now };
}

/** After one was launched or came up at that time: same length, counted anew from there. */
export const delayAdvanced = (delay: LaunchDelay, at: number): LaunchDelay => ({
  ...delay,
  until: Math.max(delay.until, at + delay.delayMs),
  referenceAt: Math.max(delay.referenceAt, at),
});
