import { describe, expect, it } from '@jest/globals';
import { FIRST_HOST_PORT } from './definition.js';
import { moodNameOf, scenarioOf } from './generate.js';
import { CRASH_WRITES, endOf, type Action, type AppWish, type Deed, type Scenario } from './scenario.js';

const SEEDS = Array.from({ length: 400 }, (_, index) => `spec-${index}`);
const scenarios = SEEDS.map(scenarioOf);
const deploysOf = ({ actions }: Scenario): readonly (Action & { readonly do: 'deploy' })[] =>
  actions.filter((each) => each.do === 'deploy');
const wishes: readonly AppWish[] = scenarios.flatMap((each) => deploysOf(each).map(({ wish }) => wish));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const average = (numbers: readonly number[]): number => sum(numbers) / numbers.length;

/** Instances that are wanted once all apps have been asked for. */
function tasksAtFirst(scenario: Scenario): number {
  const first = new Map<string, number>();
  for (const { app, wish } of deploysOf(scenario)) if (!first.has(app)) first.set(app, wish.instances);
  return sum([...first.values()]);
}

describe('a scenario from a seed', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(scenarioOf('spec-1')).toEqual(scenarios[1]);
    expect(new Set(scenarios.map((each) => JSON.stringify(each.actions))).size).toBe(SEEDS.length);
  });

  it('has the size that the simulator is made for', () => {
    for (const scenario of scenarios) {
      expect(scenario.durationMs).toBe(30 * 60_000);
      expect(scenario.agents.length).toBeGreaterThanOrEqual(3);
      expect(scenario.agents.length).toBeLessThanOrEqual(8);
      const apps = new Set(deploysOf(scenario).map(({ app }) => app)).size;
      expect(apps).toBeGreaterThanOrEqual(3);
      expect(apps).toBeLessThanOrEqual(10);
      expect(tasksAtFirst(scenario)).toBeGreaterThanOrEqual(10);
      expect(tasksAtFirst(scenario)).toBeLessThanOrEqual(45);
      expect(scenario.actions.length).toBeLessThanOrEqual(100);
    }
    const counts = scenarios.map(({ actions }) => actions.length);
    expect(average(counts)).toBeGreaterThan(20);
    expect(average(counts)).toBeLessThan(60);
  });

  it('leaves the last ten minutes quiet, longer than any deadline', () => {
    for (const { actions, quietFromMs, durationMs } of scenarios) {
      expect(durationMs - quietFromMs).toBeGreaterThanOrEqual(600_000);
      for (const action of actions) {
        expect(action.at).toBeLessThan(quietFromMs);
        expect(endOf(action)).toBeLessThanOrEqual(quietFromMs);
      }
    }
    expect(Math.max(...wishes.map((wish) => wish.progressDeadlineSeconds))).toBeLessThanOrEqual(150);
  });

  it('has its actions in the order of time', () => {
    for (const { actions } of scenarios) {
      const times = actions.map(({ at }) => at);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it('does everything that can be done, now and then', () => {
    const kinds: Record<Deed['do'], true> = {
      deploy: true,
      scale: true,
      restart: true,
      remove: true,
      'remove-group': true,
      'roll-back': true,
      cancel: true,
      kill: true,
      'share-traffic': true,
      'crash-task': true,
      sicken: true,
      hang: true,
      'blind-checks': true,
      engine: true,
      'restart-agent': true,
      'power-off': true,
      'freeze-agent': true,
      'fill-disk': true,
      'take-port': true,
      cut: true,
      weather: true,
      stalls: true,
      'crash-control-plane': true,
      'freeze-control-plane': true,
      abdicate: true,
      'store-refuses': true,
      'store-fails-over': true,
      'lose-answers': true,
      'freeze-proxy': true,
      'crash-proxy': true,
    };
    const done = new Set<string>(scenarios.flatMap(({ actions }) => actions.map((each) => each.do)));
    expect([...done].sort()).toEqual(Object.keys(kinds).sort());
    expect(new Set(SEEDS.map(moodNameOf)).size).toBe(9);
  });

  it('kills control planes at commits with each of the rare writes, about as often, and never waits for one into the quiet time', () => {
    const crashes = scenarios
      .flatMap(({ actions }) => actions)
      .filter((each) => each.do === 'crash-control-plane' && each.when !== 'now');
    const waits = crashes.map((each) => ('withinMs' in each ? each.withinMs : undefined));
    expect(waits.every((ms) => ms !== undefined && ms > 0)).toBe(true);
    const writes = crashes.flatMap((each) => ('write' in each && each.write ? [each.write] : []));
    expect(writes.length / crashes.length).toBeGreaterThan(0.4);
    expect(writes.length / crashes.length).toBeLessThan(0.8);
    for (const write of CRASH_WRITES) {
      const share = writes.filter((each) => each === write).length / writes.length;
      expect([write, share > 0.4 / CRASH_WRITES.length, share < 2 / CRASH_WRITES.length]).toEqual([
        write,
        true,
        true,
      ]);
    }
  });

  it('removes apps often while a control plane waits for just that to die, and groups of several now and then', () => {
    const near = scenarios.filter(({ actions }) =>
      actions.some(
        (crash) =>
          crash.do === 'crash-control-plane' &&
          crash.write === 'remove-app' &&
          actions.some(
            (each) =>
              (each.do === 'remove' || each.do === 'remove-group') &&
              each.at >= crash.at &&
              each.at - crash.at < 5_000,
          ),
      ),
    );
    expect(near.length).toBeGreaterThan(10);
    const groups = scenarios.flatMap((scenario) =>
      scenario.actions.flatMap((each) => (each.do === 'remove-group' ? [{ scenario, each }] : [])),
    );
    expect(groups.length).toBeGreaterThan(25);
    for (const { scenario, each } of groups) {
      const members = deploysOf(scenario).filter(({ app }) => app.startsWith(`${each.group}/`));
      expect(new Set(members.map(({ app }) => app)).size).toBeGreaterThan(1);
    }
  });

  it('has slices of passes in some scenarios, of one and of three instances', () => {
    const slices = scenarios.map(({ changedPerPass }) => changedPerPass);
    expect(new Set(slices)).toEqual(new Set([undefined, 1, 3]));
    expect(slices.filter((each) => each === undefined).length / SEEDS.length).toBeGreaterThan(0.5);
    expect(slices.filter((each) => each === 3).length / SEEDS.length).toBeGreaterThan(0.15);
  });

  it('shares traffic between versions in about one scenario of four: before releases and in the middle of them, changed and pinned', () => {
    const sharesIn = ({ actions }: Scenario): readonly (Action & { readonly do: 'share-traffic' })[] =>
      actions.filter((each) => each.do === 'share-traffic');
    const sharing = scenarios.filter((scenario) => sharesIn(scenario).length);
    expect(sharing.length / SEEDS.length).toBeGreaterThan(0.15);
    expect(sharing.length / SEEDS.length).toBeLessThan(0.3);
    const shares = sharing.flatMap(sharesIn);
    for (const { current, previous } of shares) expect(current + (previous ?? 0)).toBeGreaterThan(0);
    expect([...new Set(shares.map(({ pin }) => pin))].sort()).toEqual(['current', 'none', 'previous']);
    const firsts = sharing.map((scenario) => ({ scenario, share: sharesIn(scenario)[0] }));
    const before = firsts.filter(({ scenario, share }) =>
      deploysOf(scenario).some(
        ({ app, at }) => app === share?.app && at > share.at && at <= share.at + 20_000,
      ),
    );
    expect(before.length).toBeGreaterThan(10);
    expect(firsts.length - before.length).toBeGreaterThan(10);
    expect(sharing.filter((scenario) => sharesIn(scenario).length > 2).length).toBeGreaterThan(10);
  });

  it('cuts a proxy off from every control plane while releases end before they serve, in about one scenario of seven', () => {
    const stale = scenarios.flatMap((scenario) => {
      const cuts = scenario.actions.flatMap((each) => (each.do === 'cut' && each.bothWays ? [each] : []));
      const both = cuts.find((one) =>
        cuts.some(
          (other) =>
            other !== one && other.at === one.at && JSON.stringify(other.from) === JSON.stringify(one.from),
        ),
      );
      return both ? [{ scenario, both }] : [];
    });
    expect(stale.length / SEEDS.length).toBeGreaterThan(0.1);
    expect(stale.length / SEEDS.length).toBeLessThan(0.2);
    const starts = stale.map(({ scenario, both }) =>
      deploysOf(scenario).filter(
        ({ at, wish }) => at > both.at && at < endOf(both) && wish.behaviour === 'crashes-at-start',
      ),
    );
    expect(starts.filter((each) => each.length > 1).length / stale.length).toBeGreaterThan(0.8);
    // an app has the ports of its old tasks only once these are gone, and they go at once
    for (const { wish } of starts.flat().filter((each) => each.wish.release === 901))
      expect([wish.ports > 0, wish.minimumHealthCapacity]).toEqual([true, 0]);
  });

  it('releases mostly good ones, and each kind of bad one', () => {
    const behaviours: Record<AppWish['behaviour'], true> = {
      good: true,
      slow: true,
      'crashes-at-start': true,
      'crashes-after': true,
      'never-healthy': true,
      'never-ready': true,
      'goes-bad': true,
      flaps: true,
      'ignores-term': true,
      'image-missing': true,
      'pulls-long': true,
    };
    expect([...new Set(wishes.map((wish) => wish.behaviour))].sort()).toEqual(Object.keys(behaviours).sort());
    const good = wishes.filter(({ behaviour }) => behaviour === 'good').length / wishes.length;
    expect(good).toBeGreaterThan(0.6);
    expect(good).toBeLessThan(0.9);
  });

  it('leaves few bad releases alone, and has a good one in the place of the others some minutes after the last ask of its app', () => {
    const mends = scenarios.flatMap((scenario) =>
      deploysOf(scenario).flatMap((mend) => (mend.wish.release === 902 ? [{ scenario, mend }] : [])),
    );
    for (const { scenario, mend } of mends) {
      expect(mend.wish.behaviour).toBe('good');
      const before = deploysOf(scenario).filter(({ app, at }) => app === mend.app && at < mend.at);
      const bad = before.find(({ wish }) => !['good', 'slow', 'ignores-term'].includes(wish.behaviour));
      expect(mend.at - (bad?.at ?? Infinity)).toBeGreaterThanOrEqual(60_000);
    }
    const leftAlone = scenarios.filter(({ actions, quietFromMs }) => {
      if (actions.some((each) => each.do === 'remove-group')) return false;
      const lastAsks = new Map(actions.flatMap((each) => ('app' in each ? [[each.app, each] as const] : [])));
      return [...lastAsks.values()].some(
        (each) =>
          each.do === 'deploy' &&
          each.wish.behaviour.startsWith('crashes') &&
          each.at < quietFromMs - 6 * 60_000,
      );
    });
    expect(mends.length / SEEDS.length).toBeGreaterThan(0.4);
    expect(leftAlone.length / SEEDS.length).toBeGreaterThan(0.01);
  });

  it('wants an image of containers only, and readiness of apps with ports only', () => {
    for (const wish of wishes) {
      if (wish.behaviour === 'image-missing' || wish.behaviour === 'pulls-long') {
        expect(wish.runtime).toBe('docker');
      }
      if (wish.behaviour === 'never-ready') expect([wish.readiness, wish.ports > 0]).toEqual([true, true]);
    }
  });

  it('has every kind of floor and room above it, of ports, checks and constraints', () => {
    const kindsOf = (of: (wish: AppWish) => unknown): unknown[] => [...new Set(wishes.map(of))].sort();
    expect(kindsOf((wish) => wish.minimumHealthCapacity)).toEqual([0, 0.5, 1]);
    expect(kindsOf((wish) => wish.maximumOverCapacity)).toEqual([0, 0.25, 1]);
    expect(kindsOf((wish) => wish.ports)).toEqual([0, 1, 2]);
    expect(kindsOf((wish) => wish.health)).toEqual(['command', 'http', 'none', 'tcp']);
    expect(kindsOf((wish) => wish.constraint)).toEqual(['group-by-zone', 'max-per-2', 'none', 'unique']);
    expect(kindsOf((wish) => wish.hostPort > 0)).toEqual([false, true]);
    expect(kindsOf((wish) => wish.runtime)).toEqual(['docker', 'process']);
  });

  it('has clusters with room, full ones and ones that are too small', () => {
    const ratios = scenarios.map((scenario) => {
      const first = new Map<string, AppWish>();
      for (const { app, wish } of deploysOf(scenario)) if (!first.has(app)) first.set(app, wish);
      const wanted = sum([...first.values()].map(({ instances, cpus }) => instances * cpus));
      return wanted / sum(scenario.agents.map(({ cpus }) => cpus));
    });
    expect(ratios.filter((ratio) => ratio < 0.7).length / ratios.length).toBeGreaterThan(0.4);
    expect(ratios.filter((ratio) => ratio > 0.7 && ratio <= 1).length).toBeGreaterThan(20);
    expect(ratios.filter((ratio) => ratio > 1).length).toBeGreaterThan(5);
  });

  it('fixes host ports only that every agent has, and never one for two apps', () => {
    for (const scenario of scenarios) {
      const owners = new Map<number, string>();
      for (const { app, wish } of deploysOf(scenario)) {
        if (!wish.hostPort) continue;
        const last = wish.hostPort + wish.ports - 1;
        for (const { ports } of scenario.agents) expect(last).toBeLessThan(FIRST_HOST_PORT + ports);
        for (const port of [wish.hostPort, last]) {
          expect(owners.get(port) ?? app).toBe(app);
          owners.set(port, app);
        }
      }
    }
  });

  it('has agents with few ports, which are used again soon', () => {
    const few = scenarios.filter(({ agents }) => agents.every(({ ports }) => ports < 20));
    expect(few.length / scenarios.length).toBeGreaterThan(0.2);
  });

  it('cuts changes into each other: a forced one, a scale or a removal less than a minute after a release', () => {
    const close = scenarios.flatMap((scenario) =>
      scenario.actions.flatMap((later) =>
        'app' in later && later.do !== 'deploy'
          ? deploysOf(scenario).filter(
              ({ app, at }) => app === later.app && at < later.at && later.at - at < 60_000,
            )
          : [],
      ),
    );
    expect(close.length).toBeGreaterThan(50);
  });

  it('goes back to earlier releases, and deploys apps anew that were removed', () => {
    const back = scenarios.filter((scenario) => {
      const releases = deploysOf(scenario).map(({ app, wish }) => `${app} ${wish.release}`);
      return new Set(releases).size < releases.length;
    });
    expect(back.length).toBeGreaterThan(20);
    const anew = scenarios.filter((scenario) =>
      scenario.actions.some(
        (each) =>
          each.do === 'remove' && deploysOf(scenario).some(({ app, at }) => app === each.app && at > each.at),
      ),
    );
    expect(anew.length).toBeGreaterThan(20);
  });
});
