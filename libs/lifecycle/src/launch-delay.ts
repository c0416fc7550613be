// Launch backoff (behaviour.md 9): how long to wait before the next start after one that ended badly.
// The control plane uses it with Postgres's clock, an agent without a session with its own (decisions.md 15).
import type { App, AppVersion, LaunchBackoff, LaunchDelay } from '#libs/model';

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

/** The delay that holds now for instances of this version; none once the config changed or the last entry is too old. */
export function currentDelay(
  app: App,
  now: number,
  version: AppVersion = app.current,
): LaunchDelay | undefined {
  const { launchDelay } = app;
  if (!launchDelay || launchDelay.configVersion !== version.lastConfigChangeAt) return undefined;
  return now > forgottenAt(launchDelay, version) ? undefined : launchDelay;
}

/** When a delay is forgotten if nothing more happens, epoch ms: maxLaunchDelaySeconds after its last entry, never before it is over. */
export const forgottenAt = (delay: LaunchDelay, { spec }: AppVersion): number =>
  Math.max(delay.referenceAt + spec.maxLaunchDelaySeconds * 1000, delay.until);

/** After an instance of this version became Failed, Error, Dropped, Gone or Finished. */
export function delayAfterFailure(app: App, now: number, version: AppVersion = app.current): LaunchDelay {
  const delayMs = nextDelayMs(currentDelay(app, now, version)?.delayMs ?? 0, backoffOf(version));
  return { configVersion: version.lastConfigChangeAt, delayMs, until: now + delayMs, referenceAt: now };
}

/** After one was launched or came up at that time: same length, counted anew from there. */
export const delayAdvanced = (delay: LaunchDelay, at: number): LaunchDelay => ({
  ...delay,
  until: Math.max(delay.until, at + delay.delayMs),
  referenceAt: Math.max(delay.referenceAt, at),
});
