// Promise 5 with real processes: half of an app is really broken, checks flap, a brake is on while a release is rolled out and while one
// is taken back; and what happens where the brake is switched off. All in one Longrun at the same time, each app under load of its own.
import { IS_LONG } from './long-form.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BrakeAnswer, DeploymentAnswer, EndedDeployment, TaskAnswer } from '#libs/api-client';
import { until } from '#libs/testkit';
import { FLAPS_EACH_MS, writeService } from './bad-release-service.js';
import { EventTail } from './event-tail.js';
import { LONGRUN, LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';
import { fingerprints } from './task-processes.js';

const WINDOW_S = 8;
const PER_SECOND = 15;
const DEADLINE_S = 15;
/** Healthy for less is no sign of a broken checker (docs/design/health.md). */
const SETTLED_MS = 12_000;
const HALF = 8;
const SMALL = 4;

type AppBrake = BrakeAnswer['apps'][number];

/** A service, the folder that tells it to fail, and a Longrun with its events. */
class Bed {
  readonly folder = mkdtempSync(join(tmpdir(), 'longrun-brake-'));
  readonly #command = writeService(this.folder);
  readonly #loads: SteadyLoad[] = [];
  private constructor(
    readonly up: LongrunUp,
    readonly events: EventTail,
  ) {}

  static async start(args: readonly string[]): Promise<Bed> {
    const up = await LongrunUp.start({ args: [...args, '--brake-window-seconds', String(WINDOW_S)] });
    await up.ready();
    return new Bed(up, await EventTail.open(up.url));
  }
  async dispose(): Promise<void> {
    this.events.close();
    await Promise.all(this.#loads.map((each) => each.stop()));
    await this.up.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }

  switchOf(id: string): string {
    return join(this.folder, `switch${id.replaceAll('/', '-')}`);
  }
  anApp(
    id: string,
    instances: number,
    env: Readonly<Record<string, string>>,
    maxConsecutiveFailures = 2,
  ): object {
    return {
      ...{ id, instances, cmd: this.#command, cpus: 0.01, mem: 64, taskKillGracePeriodSeconds: 2 },
      env: { RELEASE: 'good', MODE: 'good', ...env },
      portDefinitions: [{ port: 0, name: 'http' }],
      labels: { 'longrun.io/progress-deadline-seconds': String(DEADLINE_S) },
      healthChecks: [
        {
          ...{ protocol: 'HTTP', path: '/health', portIndex: 0, gracePeriodSeconds: 5 },
          ...{ intervalSeconds: 1, timeoutSeconds: 5, maxConsecutiveFailures },
        },
      ],
    };
  }
  /** Settled for long enough that a failure counts. */
  async wellForAWhile(id: string, instances: number): Promise<readonly TaskAnswer[]> {
    const tasks = await this.up.settled(id, instances);
    await pause(SETTLED_MS);
    return tasks;
  }
  loadOn(id: string): SteadyLoad {
    const load = new SteadyLoad([`${this.up.proxyUrl}/_app${id}/`], PER_SECOND);
    this.#loads.push(load);
    return load;
  }
  printsOf(tasks: readonly TaskAnswer[]): string[] {
    return fingerprints(
      this.up.dataDir,
      tasks.map(({ id }) => id),
    );
  }
  async brakeOf(id: string): Promise<AppBrake> {
    const [brake] = (await this.up.api.get<BrakeAnswer>(`/v3/brake?app=${id}`)).apps;
    if (!brake) throw new Error(`${id} has no brake`);
    return brake;
  }
  brakeIs(id: string, on: boolean, withinMs = 60_000): Promise<true> {
    return until(
      `the brake of ${id} to be ${on ? 'on' : 'off'}`,
      async () => {
        const brake = await this.brakeOf(id);
        if (brake.on === on) return true as const;
        throw new Error(JSON.stringify(brake));
      },
      { withinMs, everyMs: 100 },
    );
  }
  /** Of these tasks: what was told of their ends. */
  endsOf(tasks: readonly TaskAnswer[]): readonly string[] {
    const ids = new Set(tasks.map(({ id }) => id));
    return this.events.events
      .filter(({ payload }) => ids.has(String(payload['taskId'])))
      .filter(({ payload }) => /^TASK_(KILLING|KILLED|FAILED)$/.test(String(payload['taskStatus'])))
      .map(({ payload }) => JSON.stringify(payload));
  }
  alarms(type: string, id: string): number {
    return this.events.ofType(type).filter(({ payload }) => payload['id'] === `mass-kill-brake ${id}`).length;
  }
  async ended(id: string): Promise<EndedDeployment> {
    return until(
      `deployment ${id} to end`,
      async () => {
        const story = await this.up.api.get<EndedDeployment>(`/v3/deployments/${id}`);
        if (story.status !== 'running') return story;
        throw new Error(JSON.stringify(story));
      },
      { withinMs: 90_000, everyMs: 100 },
    );
  }
  async metrics(): Promise<string> {
    return (await fetch(`${this.up.url}/metrics/prometheus`)).text();
  }
  status(id: string): string {
    return spawnSync(process.execPath, [LONGRUN, 'status', id, '--url', this.up.url], { encoding: 'utf8' })
      .stdout;
  }
}

describe('the mass-kill brake', () => {
  let bed: Bed;
  const sick = (): string => bed.switchOf('/sick');
  const breakdown = (tasks: readonly TaskAnswer[]): void =>
    tasks.forEach(({ id }) => writeFileSync(join(sick(), id), ''));
  const apps = ['/half', '/flaps', '/released', '/taken-back'] as const;
  const wells = new Map<string, readonly TaskAnswer[]>();

  beforeAll(async () => {
    bed = await Bed.start([]);
    mkdirSync(sick());
    await bed.up.api.put('/v2/apps', [
      bed.anApp('/half', HALF, { SICK: sick() }),
      bed.anApp('/flaps', SMALL, { FLAPS: bed.switchOf('/flaps') }, 1),
      bed.anApp('/released', SMALL, { BLIND: bed.switchOf('/released') }),
      bed.anApp('/taken-back', SMALL, { BLIND: bed.switchOf('/taken-back') }),
    ]);
    await Promise.all(apps.map((id) => bed.up.settled(id, id === '/half' ? HALF : SMALL)));
    for (const id of apps) wells.set(id, await bed.up.tasks(id));
    await pause(SETTLED_MS);
  }, 300_000);
  afterAll(() => bed?.dispose(), 120_000);
  const wellOf = (id: string): readonly TaskAnswer[] => wells.get(id) ?? [];

  it('is on while half of an app is really broken; ends after a calm window, and then the last broken one is replaced', async () => {
    const [broken, well] = [wellOf('/half').slice(0, HALF / 2), wellOf('/half').slice(HALF / 2)];
    const prints = bed.printsOf(wellOf('/half'));
    expect(prints).toHaveLength(HALF);
    const load = bed.loadOn('/half');
    breakdown(broken);
    await bed.brakeIs('/half', true);
    await until('all that would be killed to be held', async () => {
      return (await bed.brakeOf('/half')).holds.length === broken.length;
    });
    // it does not end by time
    const seen: AppBrake[] = [];
    await until('two windows', async () => seen.push(await bed.brakeOf('/half')) > 4 * WINDOW_S, {
      withinMs: 120_000,
      everyMs: 500,
    });
    expect(new Set(seen.map(({ on, by }) => `${on} ${by}`))).toEqual(new Set(['true app']));
    expect(seen.at(-1)).toMatchObject({ healthy: 4, unhealthy: 4, together: 4, needed: 4 });
    expect(
      seen
        .at(-1)
        ?.holds.map(({ taskId }) => taskId)
        .sort(),
    ).toEqual(broken.map(({ id }) => id).sort());
    expect(seen.at(-1)?.holds[0]?.text).toMatch(/failed \d+ times: .*500/);
    expect(bed.status('/half')).toMatch(/mass-kill brake.*4 of 8 turned unhealthy together/);
    const metrics = await bed.metrics();
    expect(metrics).toMatch(/^longrun_brake_on\{app="\/half"\} 1$/m);
    expect(bed.endsOf(wellOf('/half'))).toEqual([]);
    expect(bed.printsOf(await bed.up.tasks('/half'))).toEqual(prints);

    // three of four are mended
    for (const { id } of broken.slice(1)) rmSync(join(sick(), id));
    const calm = await until('the calm', async () => {
      const { calmSince, endsAt } = await bed.brakeOf('/half');
      return calmSince && endsAt ? { calmSince, endsAt } : undefined;
    });
    expect(Date.parse(calm.endsAt) - Date.parse(calm.calmSince)).toBe(WINDOW_S * 1000);
    const calmAt = performance.now();
    await bed.brakeIs('/half', false);
    expect(performance.now() - calmAt).toBeGreaterThan((WINDOW_S - 2) * 1000);
    await until('the last broken one to be replaced', async () => {
      const [last] = broken;
      return !(await bed.up.tasks('/half')).some(({ id }) => id === last?.id);
    });
    await bed.up.settled('/half', HALF);
    await load.stop();
    const kept = [...broken.slice(1), ...well];
    expect(bed.endsOf(kept)).toEqual([]);
    expect(bed.printsOf(kept)).toEqual(prints.filter((print) => !print.startsWith(broken[0]?.id ?? '-')));
    const byBroken = load.failures.filter(({ why }) =>
      broken.some(({ id }) => why.includes(`500: good ${id}`)),
    );
    expect(load.failures.filter((each) => !byBroken.includes(each))).toEqual([]);
    expect(load.answered + byBroken.length).toBe(load.sent);
    expect(bed.alarms('alarm_raised_event', '/half')).toBe(1);
    expect(bed.alarms('alarm_cleared_event', '/half')).toBe(1);
    process.stderr.write(
      `/half: ${load.sent} requests, ${byBroken.length} answered 500 by the broken ones\n`,
    );
  }, 240_000);

  if (IS_LONG)
    it('holds checks that flap, all of them each 3 s, though two failures would kill', async () => {
      const prints = bed.printsOf(wellOf('/flaps'));
      const load = bed.loadOn('/flaps');
      writeFileSync(bed.switchOf('/flaps'), '');
      await bed.brakeIs('/flaps', true);
      await pause(6 * FLAPS_EACH_MS);
      rmSync(bed.switchOf('/flaps'));
      await bed.brakeIs('/flaps', false);
      const tasks = await bed.up.settled('/flaps', SMALL);
      await load.stop();
      expect(bed.endsOf(wellOf('/flaps'))).toEqual([]);
      expect(bed.printsOf(tasks)).toEqual(prints);
      expect(load.failures).toEqual([]);
      expect(bed.alarms('alarm_cleared_event', '/flaps')).toBe(bed.alarms('alarm_raised_event', '/flaps'));
    }, 120_000);

  if (IS_LONG)
    it('does not hold a deployment, which ends it', async () => {
      const load = bed.loadOn('/released');
      writeFileSync(bed.switchOf('/released'), '');
      await bed.brakeIs('/released', true);
      const next = bed.anApp('/released', SMALL, { RELEASE: 'next' });
      const { deploymentId } = await bed.up.api.put<DeploymentAnswer>('/v2/apps/released', next);
      expect((await bed.ended(deploymentId)).status).toBe('succeeded');
      await bed.brakeIs('/released', false);
      await bed.up.settled('/released', SMALL);
      await load.stop();
      expect(load.failures).toEqual([]);
      const [last] = [...load.seen.keys()].slice(-1);
      expect(last).toMatch(/^next /);
    }, 120_000);

  it('comes on while a release is taken back: the good one stays, whose checks were wrong', async () => {
    const prints = bed.printsOf(wellOf('/taken-back'));
    const load = bed.loadOn('/taken-back');
    const bad = bed.anApp('/taken-back', SMALL, { RELEASE: 'bad', MODE: 'stubborn' });
    const { deploymentId } = await bed.up.api.put<DeploymentAnswer>('/v2/apps/taken-back', bad);
    await pause((DEADLINE_S - 5) * 1000);
    writeFileSync(bed.switchOf('/taken-back'), '');
    await bed.brakeIs('/taken-back', true);
    expect(await bed.ended(deploymentId)).toMatchObject({ status: 'failed' });
    await pause(2 * WINDOW_S * 1000);
    expect(await bed.brakeOf('/taken-back')).toMatchObject({ on: true, healthy: 0, unhealthy: SMALL });
    rmSync(bed.switchOf('/taken-back'));
    await bed.brakeIs('/taken-back', false);
    const tasks = await bed.up.settled('/taken-back', SMALL);
    await load.stop();
    expect(bed.endsOf(wellOf('/taken-back'))).toEqual([]);
    expect(bed.printsOf(tasks)).toEqual(prints);
    expect(load.failures).toEqual([]);
  }, 180_000);
});

if (IS_LONG)
  describe('with --brake-instances 0', () => {
    let bed: Bed;
    beforeAll(async () => {
      bed = await Bed.start(['--brake-instances', '0']);
      mkdirSync(bed.switchOf('/sick'));
    }, 300_000);
    afterAll(() => bed?.dispose(), 120_000);

    it('each failed check kills what is broken, and nothing else', async () => {
      await bed.up.api.put('/v2/apps/half', bed.anApp('/half', HALF, { SICK: bed.switchOf('/sick') }));
      const before = await bed.wellForAWhile('/half', HALF);
      const [broken, well] = [before.slice(0, HALF / 2), before.slice(HALF / 2)];
      const prints = bed.printsOf(well);
      const load = bed.loadOn('/half');
      for (const { id } of broken) writeFileSync(join(bed.switchOf('/sick'), id), '');
      await until('all broken ones to be replaced', async () => {
        const now = new Set((await bed.up.tasks('/half')).map(({ id }) => id));
        return broken.every(({ id }) => !now.has(id));
      });
      await bed.up.settled('/half', HALF);
      await load.stop();
      expect(bed.printsOf(well)).toEqual(prints);
      expect(bed.endsOf(well)).toEqual([]);
      const isBroken = ({ why }: { readonly why: string }): boolean =>
        broken.some(({ id }) => why.includes(`500: good ${id}`));
      expect(load.failures.filter((each) => !isBroken(each))).toEqual([]);
      expect(await bed.brakeOf('/half')).toMatchObject({ on: false, needed: null, holds: [] });
      expect(bed.events.ofType('alarm_raised_event')).toEqual([]);
      expect(bed.events.ofType('unhealthy_instance_kill_event')).toHaveLength(broken.length);
      expect(await bed.metrics()).toMatch(/^longrun_brake_apps 0$/m);
    }, 180_000);
  });
