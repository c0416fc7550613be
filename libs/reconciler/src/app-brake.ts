// The mass-kill brake of one app (promise 5): on as long as a wave speaks against its checks, and then until all is calm for long enough
// that whoever is left had a fresh chance to answer. It is a stored row, so that a new leader does not kill what the old one held.
import { failedCheck, isRunning } from '#libs/lifecycle';
import type { App, AppBrake, AppVersion, Cause, Instance } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import { healthCounts, healthMark, suspicionOf } from './brake.js';
import type { BrakeSettings } from './snapshot.js';

/** Turns it on or off by what is reported now. Returns whether it is on. */
export function applyBrake(draft: AppDraft): boolean {
  const { app } = draft;
  if (app.removing) return false;
  const next = nextBrake(draft);
  if (!next) {
    if (app.brake) {
      draft.putApp('brake', ({ brake: _, ...rest }) => rest, because(draft, 'is over: kills go on as usual'));
    }
    return false;
  }
  if (!isSame(app.brake, next)) {
    const text = next.calmSince === undefined ? 'is on: no instance is killed' : 'ends when it stays calm';
    draft.putApp('brake', (row) => ({ ...row, brake: next }), because(draft, text));
  }
  draft.alarms.push({ kind: 'mass-kill-brake', appId: draft.id, text: alarmText(draft, next) });
  return true;
}

function nextBrake(draft: AppDraft): AppBrake | null {
  const { settings, fleetBrake, officeSince } = draft.context.snapshot;
  const before = draft.app.brake;
  const counts = countsOf(draft);
  const by = suspicionOf(counts, fleetBrake, settings.brake);
  if (by) return { since: before?.since ?? draft.now, by };
  if (!before || !counts.turnedUnhealthyAt.length || settings.brake.minimumInstances === 0) return null;
  const calmSince = before.calmSince ?? draft.now;
  // a new leader could not hear before who has answered meanwhile
  const until = Math.max(calmSince, officeSince) + calmMs(versionsOf(draft), settings.brake);
  if (draft.now >= until) return null;
  draft.wake(until);
  return { ...before, calmSince };
}

const countsOf = (draft: AppDraft): ReturnType<typeof healthCounts> =>
  healthCounts(draft.instances.map((each) => healthMark(each, draft.versionOf(each))));

const versionsOf = (draft: AppDraft): readonly AppVersion[] => [
  ...new Set(draft.instances.map((each) => draft.versionOf(each))),
];

/** How long a brake whose reason is gone stays on: the window, or one round of the slowest check if that is longer. */
export function calmMs(versions: readonly AppVersion[], { windowMs }: BrakeSettings): number {
  const rounds = versions.flatMap(({ spec }) =>
    spec.healthChecks.map((check) => (check.intervalSeconds + check.timeoutSeconds) * 1000),
  );
  return Math.max(windowMs, ...rounds);
}

/** Would be killed for its health, were it not for the brake. */
export const isHeldByBrake = (app: Pick<App, 'brake'>, instance: Instance, version: AppVersion): boolean =>
  app.brake !== undefined &&
  !instance.stop &&
  instance.placed &&
  instance.unreachableSince === undefined &&
  isRunning(instance) &&
  failedCheck(instance, version) !== null;

const isSame = (before: AppBrake | undefined, after: AppBrake): boolean =>
  before?.since === after.since && before.by === after.by && before.calmSince === after.calmSince;

function alarmText({ id }: AppDraft, { by }: AppBrake): string {
  const who = by === 'app' ? `many instances of ${id}` : `many instances of the fleet, of ${id} as well,`;
  return (
    `${who} turned unhealthy at about the same time; the health checks are suspected first: none is killed for its health, ` +
    'traffic goes to all. It ends by itself when they answer again. Should they really be broken: deploy, restart or kill them'
  );
}

const because = (draft: AppDraft, text: string): Cause => ({
  kind: 'health',
  text: `the mass-kill brake of ${draft.id} ${text}`,
});
