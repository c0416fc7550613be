// A proxy that no control plane reaches routes by its last table (promise 6), while releases end before they ever serve: their apps have
// their own ports back at once, again and again, and all others must wait for the proxy (decisions.md 10). A leader that forgets a port's
// past with the next task on it, or with a task that crashes out of the table, gives it away here.
import type { Random } from '../engine/random.js';
import type { Action, AppWish } from './scenario.js';
import { wishesAt } from './wishes-at.js';

const SECOND = 1000;
/** Of one scenario: each start costs. */
const APPS_MAX = 3;
/** Another number than any release that is asked for otherwise. */
const RELEASE = 901;

/**
 * `from`, `to`: ms of the run. Soon after the proxy is back the releases before come back, too: nobody expects that these come up, and what
 * they do from then on shows nothing more.
 */
export function staleProxyOf(
  random: Random,
  asks: readonly Action[],
  from: number,
  to: number,
): readonly Action[] {
  const at = random.whole(from, to - 5 * 60 * SECOND);
  const forMs = random.whole(60, 120) * SECOND;
  const proxy = random.whole(0, 1);
  const withPorts = wishesAt(at, asks).filter(([, { ports }]) => ports > 0);
  const crash: Action = {
    ...{ do: 'crash-task', index: random.whole(0, 99), siblings: 9 },
    at: at + random.whole(1, 40) * SECOND,
  };
  return [
    ...[0, 1].map((index): Action => {
      const parties = {
        from: { kind: 'proxy', index: proxy },
        to: { kind: 'control-plane', index },
      } as const;
      return { do: 'cut', ...parties, bothWays: true, forMs, at };
    }),
    crash,
    ...someOf(random, withPorts).flatMap(([app, wish]): Action[] => [
      { do: 'deploy', app, wish: hopeless(wish), force: true, at: at + random.whole(1, 10 * SECOND) },
      { do: 'deploy', app, wish, force: true, at: at + forMs + random.whole(5, 30) * SECOND },
    ]),
  ];
}

function someOf<T>(random: Random, items: readonly T[]): readonly T[] {
  const first = random.whole(0, Math.max(0, items.length - 1));
  return [...items.slice(first), ...items.slice(0, first)].slice(0, APPS_MAX);
}

/** The old ones go at once, and what takes their place comes and goes as fast as it may. */
const hopeless = (wish: AppWish): AppWish => ({
  ...wish,
  ...{ behaviour: 'crashes-at-start', release: RELEASE, maxLaunchDelaySeconds: 2 },
  ...{ minimumHealthCapacity: 0, maximumOverCapacity: 0, drainSeconds: 0 },
});
