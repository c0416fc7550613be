import { describe, expect, it } from '@jest/globals';
import { scenarioOf } from './scenario/generate.js';
import type { Outcome } from './scenario/outcome.js';
import { endOf, type Action, type Scenario } from './scenario/scenario.js';
import { shrink, type ShrinkBudget } from './shrink.js';

/** A world that breaks a rule by what a scenario has, not by what happens. */
const world =
  (rule: (scenario: Scenario) => string | null, seen: Scenario[] = []) =>
  (scenario: Scenario): Promise<Outcome> => {
    seen.push(scenario);
    const name = rule(scenario);
    const broken = name === null ? null : { rule: name, text: `${name} broke`, at: 5 };
    return Promise.resolve({ broken, digest: '', log: [], counts: {} });
  };
const budget = (more: Partial<ShrinkBudget> = {}): ShrinkBudget => ({
  runs: 5000,
  cpuMs: 1e9,
  cpuNow: () => 0,
  tell: () => undefined,
  ...more,
});
const BROKEN = { rule: 'floor', text: 'first', at: 1 };

/** A freeze of a proxy, and after it a deploy with two instances or more. */
const needsTwo = ({ actions }: Scenario): boolean => {
  const freeze = actions.findIndex((each) => each.do === 'freeze-proxy');
  return (
    freeze >= 0 && actions.slice(freeze).some((each) => each.do === 'deploy' && each.wish.instances >= 2)
  );
};

/** Seeds whose scenario has it. */
const failing = Array.from({ length: 400 }, (_, index) => scenarioOf(`shrink-${index}`))
  .filter(needsTwo)
  .slice(0, 10);

describe('shrinking', () => {
  it('leaves the two actions that matter, and nothing that does not', async () => {
    expect(failing.length).toBe(10);
    for (const scenario of failing) {
      const run = world((each) => (needsTwo(each) ? 'floor' : null));
      const { scenario: small, broken, isFinished } = await shrink(scenario, BROKEN, run, budget());
      expect(small.actions.map((each) => each.do)).toEqual(['freeze-proxy', 'deploy']);
      expect(small.agents.length).toBe(1);
      expect([small.controlPlanes, small.proxies]).toEqual([1, 0]);
      expect([small.clockOffsetMs, small.clockDrift]).toEqual([0, 0]);
      const deploy = small.actions.find((each) => each.do === 'deploy');
      expect(deploy?.wish).toMatchObject({
        instances: 2,
        behaviour: 'good',
        constraint: 'none',
        hostPort: 0,
        readiness: false,
      });
      expect(small.actions.every(({ at }) => at <= 2000)).toBe(true);
      expect(small.durationMs).toBeLessThan(scenario.durationMs / 4);
      expect(small.seed).toBe(scenario.seed);
      expect([broken.text, isFinished]).toEqual(['floor broke', true]);
    }
  });

  it('keeps to the rule that broke first, though a smaller scenario breaks another', async () => {
    for (const scenario of failing) {
      const run = world((each) => (needsTwo(each) ? 'floor' : 'progress'));
      const { scenario: small } = await shrink(scenario, BROKEN, run, budget());
      expect(needsTwo(small)).toBe(true);
    }
  });

  it('keeps what is needed: parties, clocks, the length of a fault, the time between two actions', async () => {
    const isLong = (each: Action): boolean => each.do === 'freeze-proxy' && each.forMs > 700;
    const rule = ({ actions, agents, proxies, controlPlanes, clockDrift }: Scenario): boolean => {
      const at = actions.findIndex(isLong);
      const [freeze, next] = [actions[at], actions.slice(at + 1).find((each) => each.do === 'deploy')];
      return (
        !!freeze &&
        !!next &&
        next.at - freeze.at > 15_000 &&
        agents.length >= 2 &&
        proxies >= 2 &&
        controlPlanes >= 2 &&
        clockDrift > 0
      );
    };
    const seeds = Array.from({ length: 400 }, (_, index) => scenarioOf(`needed-${index}`)).filter(rule);
    expect(seeds.length).toBeGreaterThan(5);
    for (const scenario of seeds.slice(0, 5)) {
      const run = world((each) => (rule(each) ? 'floor' : null));
      const { scenario: small } = await shrink(scenario, BROKEN, run, budget());
      expect(rule(small)).toBe(true);
      expect(small.actions.length).toBe(2);
      expect([small.agents.length, small.proxies, small.controlPlanes]).toEqual([2, 2, 2]);
      expect(small.clockOffsetMs).toBe(0);
    }
  });

  it('keeps actions in order and faults inside of the noisy time', async () => {
    const seen: Scenario[] = [];
    const [first] = failing;
    if (!first) throw new Error('no scenario');
    // the fault is still there when the others have moved close to its start
    const isLong = ({ actions }: Scenario): boolean =>
      actions.some((each) => each.do === 'freeze-proxy' && each.forMs === 300_500);
    const long: Scenario = {
      ...first,
      actions: [
        { do: 'freeze-proxy', proxy: 0, forMs: 300_500, at: 0 },
        ...[400_000, 800_000].map((at): Action => ({ do: 'abdicate', at })),
      ],
    };
    const isWhole = (each: Scenario): boolean => isLong(each) && each.actions.length === 3;
    await shrink(
      long,
      BROKEN,
      world((each) => (isWhole(each) ? 'floor' : null), seen),
      budget(),
    );
    for (const scenario of failing.slice(0, 3)) {
      await shrink(
        scenario,
        BROKEN,
        world((each) => (needsTwo(each) ? 'floor' : null), seen),
        budget(),
      );
    }
    for (const { actions, quietFromMs, durationMs } of seen) {
      expect(quietFromMs).toBeLessThanOrEqual(durationMs);
      expect(actions.map(({ at }) => at)).toEqual(actions.map(({ at }) => at).sort((a, b) => a - b));
      for (const each of actions) {
        expect(each.at).toBeGreaterThanOrEqual(0);
        expect(endOf(each)).toBeLessThanOrEqual(quietFromMs);
      }
    }
  });

  it('makes a crash point plain: no kind of write, the first commit, a short wait; and keeps what is needed of it', async () => {
    const [first] = failing;
    if (!first) throw new Error('no scenario');
    const crash = (more: object): Action => ({
      ...{ do: 'crash-control-plane', which: 'leader', when: 'after-commit', nth: 3, downMs: 5_000 },
      ...{ write: 'remove-app', withinMs: 200_000, at: 30_000, ...more },
    });
    const scenario: Scenario = { ...first, changedPerPass: 3, actions: [crash({})] };
    const shrunk = async (rule: (action: Action | undefined) => boolean): Promise<Scenario> => {
      const run = world(({ actions }) => (rule(actions[0]) ? 'floor' : null));
      return (await shrink(scenario, BROKEN, run, budget())).scenario;
    };
    const isAtCommit = (each: Action | undefined): boolean =>
      each?.do === 'crash-control-plane' && each.when === 'after-commit';
    const [plain] = (await shrunk(isAtCommit)).actions;
    expect(plain).toMatchObject({ nth: 1 });
    expect(plain).not.toHaveProperty('write');
    expect(endOf(plain as Action) - (plain?.at ?? 0)).toBeLessThan(3_000);
    const kept = await shrunk((each) => isAtCommit(each) && each !== undefined && 'write' in each);
    expect(kept.actions[0]).toMatchObject({ write: 'remove-app', nth: 1 });
    expect(kept).not.toHaveProperty('changedPerPass');
    const now = await shrunk((each) => each?.do === 'crash-control-plane');
    expect(now.actions[0]).toEqual({
      ...{ do: 'crash-control-plane', which: 'leader', when: 'now', nth: 1 },
      ...{ downMs: expect.any(Number), at: expect.any(Number) },
    });
  });

  it('runs no scenario twice', async () => {
    const seen: Scenario[] = [];
    const [scenario] = failing;
    if (!scenario) throw new Error('no scenario');
    await shrink(
      scenario,
      BROKEN,
      world((each) => (needsTwo(each) ? 'floor' : null), seen),
      budget(),
    );
    const keys = seen.map((each) => JSON.stringify(each));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('ends with what it has when the runs or the CPU time are used up', async () => {
    const [scenario] = failing;
    if (!scenario) throw new Error('no scenario');
    const seen: Scenario[] = [];
    const run = world((each) => (needsTwo(each) ? 'floor' : null), seen);
    const few = await shrink(scenario, BROKEN, run, budget({ runs: 7 }));
    expect([few.runs, seen.length, few.isFinished]).toEqual([7, 7, false]);
    expect(needsTwo(few.scenario)).toBe(true);

    seen.length = 0;
    const slow = await shrink(scenario, BROKEN, run, budget({ cpuMs: 300, cpuNow: () => 100 * seen.length }));
    expect([slow.runs, slow.isFinished]).toEqual([3, false]);
  });
});
