// What a person set about how the instances of an app come and go that has no effect or does not go together, in sentences for `/v3/apps/ID/warnings`.
import { DEADLINE_LABEL, DRAIN_LABEL, MIN_READY_LABEL } from '#libs/lifecycle';
import { SETTING_RANGES, type App } from '#libs/model';
import { checksMs, wantedDeadlineMs } from '#libs/reconciler';

export function rolloutWarnings(app: Pick<App, 'settings' | 'current'>): readonly string[] {
  const warnings: string[] = [];
  const wantedMs = wantedDeadlineMs(app);
  const neededMs = checksMs(app.current);
  if (wantedMs !== null && wantedMs < neededMs) {
    warnings.push(
      `a deployment fails after ${wantedMs / 1000} s without progress, as was set, but its checks may take ${neededMs / 1000} s to pass or fail: ` +
        'give it longer, or the checks less (gracePeriodSeconds, intervalSeconds, maxConsecutiveFailures, timeoutSeconds)',
    );
  }
  for (const [label, range] of Object.entries(RANGES)) {
    const given = app.current.spec.labels[label];
    const seconds = Number(given?.trim() || Number.NaN);
    if (given !== undefined && !(Number.isFinite(seconds) && seconds >= range.from && seconds <= range.to)) {
      warnings.push(
        `the label ${label} "${given}" has no effect: it must be a number of seconds ${range.to === Infinity ? 'and not negative' : `from ${range.from} to ${range.to}`}`,
      );
    }
  }
  return warnings;
}

/** As they are read where they count (`libs/reconciler`). */
const RANGES = {
  [DRAIN_LABEL]: { from: 0, to: Infinity },
  [DEADLINE_LABEL]: SETTING_RANGES.progressDeadlineSeconds,
  [MIN_READY_LABEL]: SETTING_RANGES.minReadySeconds,
};
