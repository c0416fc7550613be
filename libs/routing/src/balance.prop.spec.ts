import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asInstanceId, asTaskId } from '#libs/model';
import {
  hashed,
  least,
  leastOfTwo,
  roundRobin,
  type Candidate,
  type Chance,
  type Exclusions,
  type Tier,
} from './balance.js';
import { ejectionMs, leftOut } from './ejection.js';
import { hashOf } from './hash.js';
import { drawShare } from './shares.js';
import { tiersOf } from './tiers.js';

interface Made {
  readonly weight?: number;
  readonly inFlight?: number;
}

function aCandidate(name: string, { weight = 1, inFlight = 0 }: Made = {}): Candidate {
  const [taskId, instanceId] = [asTaskId(`${name}.1`), asInstanceId(name)];
  return {
    target: { taskId, instanceId, host: 'h', port: 1, suspect: false },
    load: { inFlight, outUntil: 0, outBy: 'answers' },
    seed: hashOf(name),
    weight,
    turn: 0,
  };
}

function aTier(all: readonly Made[]): Tier<Candidate> {
  const [tier] = tiersOf(
    all.map((each, at) => aCandidate(`i${at}`, each)),
    { out: new Set() },
  );
  return tier ?? { seats: [] };
}

/** mulberry32: enough for counting, and the same on each run. */
function seeded(seed: number): Chance {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NONE: Exclusions = { limit: Infinity, tried: undefined };
const WAYS: Record<
  string,
  (tier: Tier<Candidate>, exclusions: Exclusions, random: Chance) => Candidate | undefined
> = {
  leastOfTwo,
  least,
  roundRobin,
  hashed: (tier, exclusions, random) => hashed(tier, exclusions, Math.floor(random() * 2 ** 32)),
};
const made = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 4 }), inFlight: fc.nat(3) }), {
  maxLength: 9,
});

/** Share of each seat in `count` picks. */
function sharesOf(tier: Tier<Candidate>, count: number, pick: () => Candidate | undefined): number[] {
  const counts = new Map<Candidate | undefined, number>();
  for (let done = 0; done < count; done += 1) {
    const picked = pick();
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return tier.seats.map((seat) => (counts.get(seat) ?? 0) / count);
}

describe.each(Object.entries(WAYS))('%s', (_name, choose) => {
  it('finds somebody exactly when somebody is free, never one that was tried or is full', () => {
    fc.assert(
      fc.property(
        made,
        fc.array(fc.boolean()),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        (all, marks, limit, seed) => {
          const tier = aTier(all);
          const tried = new Set(
            tier.seats.filter((_seat, at) => marks[at]).map(({ target }) => target.taskId),
          );
          const isFree = (each: Candidate): boolean =>
            each.load.inFlight < limit && !tried.has(each.target.taskId);
          const picked = choose(tier, { limit, tried }, seeded(seed));
          expect(picked !== undefined).toBe(tier.seats.some(isFree));
          if (picked) expect(isFree(picked)).toBe(true);
        },
      ),
    );
  });

  it('gives idle targets what their weights say', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
        fc.nat(),
        (weights, seed) => {
          const tier = aTier(weights.map((weight) => ({ weight })));
          const random = seeded(seed);
          const sum = weights.reduce((total, each) => total + each, 0);
          // five standard deviations of 4,000 draws are at most 4 %
          sharesOf(tier, 4_000, () => choose(tier, NONE, random)).forEach((share, at) =>
            expect(Math.abs(share - (weights[at] ?? 0) / sum)).toBeLessThan(0.04),
          );
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('least loaded', () => {
  it('of two is the one with less to do for its weight, whoever is drawn first', () => {
    fc.assert(
      fc.property(fc.tuple(fc.nat(9), fc.nat(9)), fc.nat(), ([a, b], seed) => {
        fc.pre(a !== b);
        const picked = leastOfTwo(aTier([{ inFlight: a }, { inFlight: b }]), NONE, seeded(seed));
        expect(picked?.load.inFlight).toBe(Math.min(a, b));
      }),
    );
    const uneven = aTier([{ weight: 3, inFlight: 4 }, { inFlight: 2 }]);
    for (let seed = 0; seed < 20; seed += 1) expect(leastOfTwo(uneven, NONE, seeded(seed))?.weight).toBe(3);
  });

  it('of a thousand never is a lone busy one, and of all is one with the minimum', () => {
    const busy = aTier(Array.from({ length: 1_000 }, (_, at) => ({ inFlight: at === 7 ? 5 : 0 })));
    const random = seeded(1);
    for (let done = 0; done < 5_000; done += 1) expect(leastOfTwo(busy, NONE, random)?.load.inFlight).toBe(0);
    fc.assert(
      fc.property(made, fc.nat(), (all, seed) => {
        const tier = aTier(all);
        const loads = tier.seats.map(({ load, weight }) => load.inFlight / weight);
        const picked = least(tier, NONE, seeded(seed));
        if (picked) expect(picked.load.inFlight / picked.weight).toBe(Math.min(...loads));
      }),
    );
  });
});

describe('round robin', () => {
  it('is exact over a cycle, and smooth', () => {
    const tier = aTier([{ weight: 5 }, {}, {}]);
    const names = Array.from({ length: 7 }, () => roundRobin(tier, NONE, () => 0)?.target.instanceId);
    expect(names).toEqual(['i0', 'i0', 'i1', 'i0', 'i2', 'i0', 'i0']);
    const equals = aTier([{}, {}, {}]);
    const turns = Array.from({ length: 6 }, () => roundRobin(equals, NONE, () => 0.5)?.target.instanceId);
    expect(turns).toEqual(['i1', 'i2', 'i0', 'i1', 'i2', 'i0']);
  });
});

describe('a consistent hash', () => {
  const KEYS = Array.from({ length: 3_000 }, (_, at) => hashOf(`10.0.${at >> 8}.${at & 255}`));
  const owners = (tier: Tier<Candidate>): (string | undefined)[] =>
    KEYS.map((key) => hashed(tier, NONE, key)?.target.instanceId);

  it.each([1, 2])('moves only the share of who joins or leaves (weight %d)', (weight) => {
    for (const size of [2, 5, 20]) {
      const few = aTier(Array.from({ length: size }, () => ({})));
      const more = aTier([...Array.from({ length: size }, () => ({})), { weight }]);
      const [before, after] = [owners(few), owners(more)];
      const moved = after.filter((owner, at) => owner !== before[at]);
      // all that moved went to the one who joined; the other way round: all that leave him were his
      expect(new Set(moved)).toEqual(new Set([`i${size}`]));
      const share = weight / (size + weight);
      expect(moved.length / KEYS.length).toBeLessThan(share * 1.2);
      expect(moved.length / KEYS.length).toBeGreaterThan(share * 0.8);
    }
  });

  it('sends a key whose target cannot have it always to the same next one', () => {
    const tier = aTier(Array.from({ length: 5 }, () => ({})));
    for (const key of KEYS.slice(0, 50)) {
      const first = hashed(tier, NONE, key);
      const next = hashed(tier, { limit: Infinity, tried: new Set(first ? [first.target.taskId] : []) }, key);
      expect(next).not.toBe(first);
      expect(hashed({ seats: tier.seats.filter((each) => each !== first) }, NONE, key)).toBe(next);
    }
  });
});

describe('ejection', () => {
  it('keeps a failing target out for 1 to 10 times the first', () => {
    expect([1, 2, 3, 4, 5, 50].map((times) => ejectionMs(times))).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
    expect([1, 3, 9].map((times) => ejectionMs(times, 200))).toEqual([200, 800, 2_000]);
  });

  it('never puts the last half out for what they answered, and those stay that are back first', () => {
    const states = fc.array(
      fc.record({ until: fc.nat(9), by: fc.constantFrom('answers' as const, 'connects' as const) }),
    );
    fc.assert(
      fc.property(states, (all) => {
        const candidates = all.map(({ until, by }, at) => ({
          ...aCandidate(`i${at}`),
          load: { inFlight: 0, outUntil: until, outBy: by },
        }));
        const out = leftOut(candidates, 4);
        const bad = candidates.filter(({ load }) => load.outUntil > 4);
        const refusing = bad.filter(({ load }) => load.outBy === 'connects');
        expect(refusing.every((each) => out.has(each))).toBe(true);
        expect(bad).toEqual(expect.arrayContaining([...out]));
        const most = Math.max(Math.floor(candidates.length / 2), refusing.length);
        expect(out.size).toBe(Math.min(bad.length, most));
        const stayed = bad.filter((each) => !out.has(each)).map(({ load }) => load.outUntil);
        const resting = [...out]
          .filter(({ load }) => load.outBy === 'answers')
          .map(({ load }) => load.outUntil);
        if (stayed.length && resting.length)
          expect(Math.max(...stayed)).toBeLessThanOrEqual(Math.min(...resting));
      }),
    );
  });
});

describe('shares', () => {
  it('are drawn in proportion', () => {
    const random = seeded(7);
    const counts = { a: 0, b: 0, c: 0 };
    const shares = [
      { weight: 90, of: 'a' as const },
      { weight: 9, of: 'b' as const },
      { weight: 1, of: 'c' as const },
    ];
    for (let done = 0; done < 20_000; done += 1) counts[drawShare(shares, random) ?? 'c'] += 1;
    expect(Math.abs(counts.a / 20_000 - 0.9)).toBeLessThan(0.012);
    expect(Math.abs(counts.b / 20_000 - 0.09)).toBeLessThan(0.012);
    expect(counts.c).toBeGreaterThan(100);
    expect(drawShare([], random)).toBeUndefined();
  });
});
