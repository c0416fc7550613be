// Somebody mends what is bad for good: a release that never works, left alone, comes and goes for the rest of the half hour, and after some
// minutes (deadlines and backoffs included) each round is like the one before. Some are left alone all the same.
import type { Random } from '../engine/random.js';
import type { Action, AppWish, Behaviour } from './scenario.js';

const MINUTE = 60_000;
/** Share of such releases. */
const MENDED = 0.9;
/** Another number than any release that is asked for otherwise. */
const RELEASE = 902;
/** They never work, or not for long. */
const BAD: ReadonlySet<Behaviour> = new Set<Behaviour>([
  'crashes-at-start',
  'crashes-after',
  'never-healthy',
  'never-ready',
  'goes-bad',
  'flaps',
  'image-missing',
]);

/** Some minutes after the last that was asked of the app, or by the end. `to`: ms of the run; what came in its last minute is not mended. */
export function mendsOf(random: Random, asks: readonly Action[], to: number): readonly Action[] {
  return [...lastReleases(asks)].flatMap(([app, wish]): Action[] => {
    const own = random.fork(app);
    const lastAt = Math.max(...asks.filter((each) => concerns(each, app)).map(({ at }) => at));
    const at = Math.min(lastAt + own.whole(2 * MINUTE, 4 * MINUTE), to - 1);
    if (!BAD.has(wish.behaviour) || at < lastAt + MINUTE || !own.chance(MENDED)) return [];
    return [{ do: 'deploy', app, wish: { ...wish, behaviour: 'good', release: RELEASE }, force: true, at }];
  });
}

/** By app; what was removed afterwards has none. */
function lastReleases(asks: readonly Action[]): ReadonlyMap<string, AppWish> {
  const releases = new Map<string, AppWish>();
  for (const ask of [...asks].sort((a, b) => a.at - b.at)) {
    if (ask.do === 'deploy') releases.set(ask.app, ask.wish);
    else if (ask.do === 'remove' || ask.do === 'remove-group')
      for (const app of [...releases.keys()]) if (concerns(ask, app)) releases.delete(app);
  }
  return releases;
}

const concerns = (ask: Action, app: string): boolean =>
  ask.do === 'remove-group' ? app.startsWith(`${ask.group}/`) : 'app' in ask && ask.app === app;
