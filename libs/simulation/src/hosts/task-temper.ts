// What one task will do, decided when it is launched: from the behaviour of its version and a stream of randomness of its own, so that
// the same task does the same in every run, whatever happens around it.
import type { LaunchSpec } from '#libs/model';
import type { Random } from '../engine/random.js';
import type { Behaviour } from '../scenario/scenario.js';

/** In the environment of a task: one of `Behaviour`; absent: `good`. */
export const BEHAVIOUR_VARIABLE = 'BEHAVIOUR';
/** In the environment of a task: the release as a number. */
export const RELEASE_VARIABLE = 'RELEASE';

/** All times in ms from the moment it runs. */
export interface Temper {
  readonly behaviour: Behaviour;
  /** Null: never. */
  readonly listensAfterMs: number | null;
  /** It ends by itself then; null: never. */
  readonly endsAfterMs: number | null;
  readonly exitCode: number;
  /** From SIGTERM to its end; null: it ignores that signal. */
  readonly termMs: number | null;
  /** 0: it has a handler; 143: it has none. */
  readonly termCode: 0 | 143;
  /** After SIGTERM it answers until its end; otherwise it closes its ports at once. */
  readonly servesToTheEnd: boolean;
  /** Whether it works, `ageMs` after it began to run. */
  isWell(ageMs: number): boolean;
  /** What its readiness check is told; it is asked only when it works. */
  readonly isEverReady: boolean;
}

const BEHAVIOURS: readonly Behaviour[] = [
  'good',
  'slow',
  'crashes-at-start',
  'crashes-after',
  'never-healthy',
  'never-ready',
  'goes-bad',
  'flaps',
  'ignores-term',
  'image-missing',
  'pulls-long',
];

/** Throws for a behaviour that does not exist: a scenario that tests something else than it says is worse than none. */
export function behaviourOf({ env }: LaunchSpec): Behaviour {
  const wish = env[BEHAVIOUR_VARIABLE] ?? 'good';
  const known = BEHAVIOURS.find((each) => each === wish);
  if (!known) throw new Error(`${BEHAVIOUR_VARIABLE}=${wish} is no behaviour of a simulated task`);
  return known;
}

/** Ports are opened mostly after a tenth of a second, seldom after three. */
const quickStart = (random: Random): number => random.skewed(50, 3_000);

/** `random`: of this task alone. The same number of draws for every behaviour, so that releases of one task differ in that only. */
export function temperOf(spec: LaunchSpec, random: Random): Temper {
  const behaviour = behaviourOf(spec);
  const listensAfterMs = quickStart(random);
  const ignoresTerm = behaviour === 'ignores-term';
  const good: Temper = {
    behaviour,
    listensAfterMs,
    endsAfterMs: null,
    exitCode: 0,
    termMs: ignoresTerm ? null : random.skewed(2, 1_500),
    termCode: random.chance(0.5) ? 0 : 143,
    servesToTheEnd: random.chance(0.5),
    isWell: () => true,
    isEverReady: true,
  };
  const [first, second] = [random.share(), random.share()];
  const between = (from: number, to: number, share: number): number => Math.round(from + (to - from) * share);
  const protocols = spec.healthChecks.map(({ protocol }) => protocol);
  const isAskedByHttp = protocols.some((each) => each.includes('HTTP'));
  switch (behaviour) {
    case 'slow': {
      const readyMs = between(15_000, 29_000, first);
      // some open their port early and say that they are not there yet
      if (isAskedByHttp && second < 0.5) return { ...good, isWell: (age) => age >= readyMs };
      return { ...good, listensAfterMs: readyMs, isWell: (age) => age >= readyMs };
    }
    case 'crashes-at-start':
      return { ...good, listensAfterMs: null, endsAfterMs: between(20, 2_000, first), exitCode: 1 };
    case 'crashes-after':
      return { ...good, endsAfterMs: listensAfterMs + between(3_000, 30_000, first), exitCode: 3 };
    case 'never-healthy':
      return { ...good, isWell: () => false };
    case 'never-ready':
      return { ...good, isEverReady: false };
    case 'goes-bad': {
      const badMs = listensAfterMs + between(5_000, 40_000, first);
      return { ...good, isWell: (age) => age < badMs };
    }
    case 'flaps': {
      const wellMs = between(5_000, 30_000, first);
      const illMs = between(2_000, 15_000, second);
      return { ...good, isWell: (age) => age % (wellMs + illMs) < wellMs };
    }
    case 'image-missing':
      // a process has no image; its program is what is not there
      return { ...good, listensAfterMs: null, endsAfterMs: between(5, 50, first), exitCode: 127 };
    case 'good':
    case 'ignores-term':
    case 'pulls-long':
      return good;
  }
}
