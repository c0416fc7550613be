// A release whose tasks end by themselves about when they have served for the min-ready time, while what the agents say comes seconds
// late now and then: the moment in which a leader that trusts its rows takes the old release down for a dead one.
import type { Random } from '../engine/random.js';
import type { Action, AppWish } from './scenario.js';
import { wishesAt } from './wishes-at.js';

const SECOND = 1000;
/** Launches, crashes and relaunches come in this time. */
const LATE_MS = 90 * SECOND;
/** Of one scenario, which is to stay readable. */
const APPS_MAX = 6;
/** Another number than any release that is asked for otherwise. */
const RELEASE = 900;

/** `from`, `to`: ms of the run. Some minutes later the releases before come back, for of these nobody expects that they come up. */
export function youngDeathsOf(
  random: Random,
  asks: readonly Action[],
  from: number,
  to: number,
): readonly Action[] {
  const at = random.whole(from, to - 5 * 60 * SECOND);
  const stallMs = random.pick([700, 1500, 2500, 3500]);
  return [
    { do: 'stalls', everyMs: stallMs + SECOND, stallMs, forMs: LATE_MS, at },
    ...wishesAt(at, asks)
      .slice(0, APPS_MAX)
      .flatMap(([app, wish]): Action[] => [
        {
          do: 'deploy',
          app,
          wish: youngOf(random, wish),
          force: true,
          at: at + random.whole(0, 20 * SECOND),
        },
        { do: 'deploy', app, wish, force: true, at: at + random.whole(2, 4) * 60 * SECOND },
      ]),
  ];
}

/** Nothing may be stopped before what comes in its place has served. */
const youngOf = (random: Random, wish: AppWish): AppWish => ({
  ...wish,
  ...{ behaviour: 'crashes-after', release: RELEASE },
  ...{ minimumHealthCapacity: 1, maximumOverCapacity: 1, minReadySeconds: random.pick([5, 15]) },
});
