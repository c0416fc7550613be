// Promises 4 and 5 with everything real: bad releases over a good one that serves, and a checker that is wrong about 20 healthy tasks.
// All of it at the same time in one Longrun, each app under load of its own.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppAnswer, BrakeAnswer, DeploymentAnswer, EndedDeployment, TaskAnswer } from '#libs/api-client';
import { until } from '#libs/testkit';
import { writeService, type Mode } from './bad-release-service.js';
import { EventTail } from './event-tail.js';
import { LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';
import { fingerprints } from './task-processes.js';

const DEADLINE_S = 20;
/** Four of them, so that half of old and new together is enough for the mass-kill brake. */
const INSTANCES = 4;
const CHECKED = 20;
const BLIND_MS = 30_000;
const PER_SECOND = 20;

interface Bad {
  readonly name: string;
  readonly mode: Exclude<Mode, 'good'>;
  readonly hasCheck: boolean;
  /** What the failure of its last task is. */
  readonly state: string;
  readonly message: RegExp;
}
const BAD: readonly Bad[] = [
  {
    name: 'is never healthy',
    mode: 'never-healthy',
    hasCheck: true,
    state: 'TASK_KILLED',
    message: /health check HTTP \/health failed \d+ times: .*500/,
  },
  {
    name: 'is healthy, and answers 500 after a few seconds',
    mode: 'sours',
    hasCheck: true,
    state: 'TASK_KILLED',
    message: /health check HTTP \/health failed \d+ times: .*500/,
  },
  {
    name: 'crashes after 5 s and has no health check',
    mode: 'crashes',
    hasCheck: false,
    state: 'TASK_FAILED',
    message: /./,
  },
  {
    name: 'is never healthy and ignores SIGTERM',
    mode: 'stubborn',
    hasCheck: true,
    state: 'TASK_KILLED',
    message: /health check HTTP \/health failed \d+ times: .*500/,
  },
];
const idOf = (mode: Mode): string => `/bad/${mode}`;

interface Outcome {
  readonly goodBefore: readonly TaskAnswer[];
  readonly prints: readonly string[];
  readonly deployment: EndedDeployment;
  readonly failedAfterMs: number;
  readonly tasksAfter: readonly TaskAnswer[];
  readonly printsAfter: readonly string[];
  readonly app: AppAnswer & { readonly env: Readonly<Record<string, string>> };
  readonly load: SteadyLoad;
}

describe('in one Longrun under load', () => {
  let up: LongrunUp;
  let folder = '';
  let events: EventTail;
  let command = '';
  const loads: SteadyLoad[] = [];
  const outcomes = new Map<Mode, Promise<Outcome>>();
  let blinded: Promise<void>;

  const anApp = (id: string, mode: Mode, hasCheck: boolean, more: object = {}): object => ({
    id,
    cmd: command,
    env: { RELEASE: mode === 'good' ? 'good' : 'bad', MODE: mode },
    instances: INSTANCES,
    cpus: 0.01,
    mem: 64,
    taskKillGracePeriodSeconds: 2,
    portDefinitions: [{ port: 0, name: 'http' }],
    labels: { 'longrun.io/progress-deadline-seconds': String(DEADLINE_S) },
    healthChecks: hasCheck
      ? [
          {
            ...{ protocol: 'HTTP', path: '/health', portIndex: 0, gracePeriodSeconds: 5 },
            ...{ intervalSeconds: 2, timeoutSeconds: 5, maxConsecutiveFailures: 3 },
          },
        ]
      : [],
    ...more,
  });
  const blind = (): string => join(folder, 'blind');
  const checkedApp = (): object =>
    anApp('/checked', 'good', true, {
      env: { RELEASE: 'good', MODE: 'good', BLIND: blind() },
      instances: CHECKED,
    });
  const printsOf = (tasks: readonly TaskAnswer[]): string[] =>
    fingerprints(
      up.dataDir,
      tasks.map(({ id }) => id),
    );
  const loadOn = (id: string): SteadyLoad => {
    const load = new SteadyLoad([`${up.proxyUrl}/_app${id}/`], PER_SECOND);
    loads.push(load);
    return load;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-bad-'));
    command = writeService(folder);
    // as it is by default: other tests switch it off to be quick
    up = await LongrunUp.start({ args: ['--min-ready-seconds', '10'] });
    await up.ready();
    events = await EventTail.open(up.url);
    const good = BAD.map(({ mode, hasCheck }) => anApp(idOf(mode), 'good', hasCheck));
    await up.api.put('/v2/apps', [...good, checkedApp()]);
    for (const { mode } of BAD) await up.settled(idOf(mode), INSTANCES);
    await up.settled('/checked', CHECKED);
    for (const { mode } of BAD) outcomes.set(mode, release(mode));
    blinded = blindTheChecker();
    // each is looked at by its own test; until then none is unhandled
    await Promise.allSettled([...outcomes.values(), blinded]);
  }, 300_000);
  afterAll(async () => {
    events?.close();
    await Promise.all(loads.map((each) => each.stop()));
    await up?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  /** Deploys the bad release over the good one, and comes back when that is over and everything rests. */
  async function release(mode: Exclude<Mode, 'good'>): Promise<Outcome> {
    const id = idOf(mode);
    const hasCheck = mode !== 'crashes';
    await until(`${id} to be routed`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok);
    const goodBefore = await up.settled(id, INSTANCES);
    const prints = printsOf(goodBefore);
    const load = loadOn(id);
    await until('some answers', () => load.answered > 2 * PER_SECOND);
    const startedAt = performance.now();
    const { deploymentId } = await up.api.put<DeploymentAnswer>(`/v2/apps${id}`, anApp(id, mode, hasCheck));
    const deployment = await until(
      `the bad release of ${id} to end`,
      async () => {
        const story = await up.api.get<EndedDeployment>(`/v3/deployments/${deploymentId}`);
        if (story.status !== 'running') return story;
        throw new Error(JSON.stringify(story));
      },
      { withinMs: 120_000, everyMs: 200 },
    );
    const failedAfterMs = performance.now() - startedAt;
    const tasksAfter = await up.settled(id, INSTANCES);
    const app = (await up.app(id)) as Outcome['app'];
    const more = load.answered + 2 * PER_SECOND;
    await until('some more answers', () => load.answered > more);
    await load.stop();
    const printsAfter = printsOf(tasksAfter);
    return { goodBefore, prints, deployment, failedAfterMs, tasksAfter, printsAfter, app, load };
  }

  const brakeOf = (id: string): Promise<BrakeAnswer> => up.api.get<BrakeAnswer>(`/v3/brake?app=${id}`);
  const seenBrakes: BrakeAnswer[] = [];
  let checkedBefore: readonly TaskAnswer[] = [];
  let checkedPrints: readonly string[] = [];
  let checkedLoad: SteadyLoad;
  let loadWhileOn: SteadyLoad;

  /** For 30 s no health check of /checked is answered; its users are. */
  async function blindTheChecker(): Promise<void> {
    const seconds = async (): Promise<boolean> => {
      const { tasks = [] } = await up.app('/checked');
      const since = tasks.map((each) =>
        Date.parse((each.healthCheckResults[0] as unknown as FirstSuccess).firstSuccess),
      );
      return tasks.length === CHECKED && Date.now() - Math.max(...since) > 15_000;
    };
    await until('all of /checked to have been healthy for a while', seconds);
    checkedBefore = await up.settled('/checked', CHECKED);
    checkedPrints = printsOf(checkedBefore);
    checkedLoad = loadOn('/checked');
    writeFileSync(blind(), '');
    const blindAt = performance.now();
    await until('the brake', async () => (await brakeOf('/checked')).apps[0]?.on, { withinMs: 25_000 });
    loadWhileOn = loadOn('/checked');
    await until(
      'the end of the 30 s',
      async () => {
        seenBrakes.push(await brakeOf('/checked'));
        return performance.now() - blindAt > BLIND_MS;
      },
      { withinMs: BLIND_MS + 30_000, everyMs: 500 },
    );
    await loadWhileOn.stop();
    rmSync(blind());
    await until('the brake to end', async () => !(await brakeOf('/checked')).apps[0]?.on, {
      withinMs: 60_000,
      everyMs: 200,
    });
    await checkedLoad.stop();
  }

  const outcomeOf = async (mode: Mode): Promise<Outcome> => {
    const outcome = await outcomes.get(mode);
    if (!outcome) throw new Error(`${mode} was not released`);
    return outcome;
  };

  /** What was told of the end of these tasks, and why; before all else, for it explains what differs. */
  const toldOfEnds = (tasks: readonly TaskAnswer[]): readonly string[] => {
    const ids = new Set(tasks.map(({ id }) => id));
    const ends = /^(TASK_KILLING|TASK_KILLED|TASK_FAILED)$/;
    return events.events
      .filter(({ payload }) => ids.has(String(payload['taskId'] ?? payload['runningTaskId'])))
      .filter(
        ({ type, payload }) =>
          type === 'unhealthy_instance_kill_event' || ends.test(String(payload['taskStatus'])),
      )
      .map(({ type, payload }) => `${type} ${JSON.stringify(payload)}`);
  };

  describe.each(BAD)('a release that $name', ({ mode, state, message }) => {
    it('is failed by its deadline, with the reason', async () => {
      const { deployment, failedAfterMs } = await outcomeOf(mode);
      expect(deployment.status).toBe('failed');
      expect(deployment.reason).toContain(idOf(mode));
      expect(failedAfterMs).toBeGreaterThan(DEADLINE_S * 1000);
      expect(failedAfterMs).toBeLessThan(3 * DEADLINE_S * 1000);
    });

    it('is taken back to the good one, whose tasks are the same processes as before', async () => {
      const { app, goodBefore, tasksAfter, prints, printsAfter } = await outcomeOf(mode);
      expect(app.env).toMatchObject({ RELEASE: 'good' });
      expect(toldOfEnds(goodBefore)).toEqual([]);
      expect(tasksAfter.map(({ id }) => id).sort()).toEqual(goodBefore.map(({ id }) => id).sort());
      expect(prints).toHaveLength(INSTANCES);
      expect(printsAfter).toEqual(prints);
    });

    it('shows how its last task failed', async () => {
      const { app, goodBefore } = await outcomeOf(mode);
      expect(app.lastTaskFailure?.state).toBe(state);
      expect(app.lastTaskFailure?.message).toMatch(message);
      expect(goodBefore.map(({ id }) => id)).not.toContain(app.lastTaskFailure?.taskId);
    });

    it('never makes a request to the good one fail', async () => {
      const { load } = await outcomeOf(mode);
      const byBad = load.failures.filter(isAnswerOfBad);
      // a busy machine holds up a request until the bad task that has it is gone; no other request is lost
      const heldByCrashed = mode === 'crashes' ? load.failures.filter(isCutOff) : [];
      expect(load.failures.filter((each) => ![...byBad, ...heldByCrashed].includes(each))).toEqual([]);
      expect(heldByCrashed.length).toBeLessThan(load.sent / 20);
      // only one that was healthy at first is asked at all
      if (mode !== 'sours') expect(byBad).toEqual([]);
      const total = `${load.sent} requests, ${load.answered} answered well, ${byBad.length} answered 500 by the bad release`;
      process.stderr.write(`${idOf(mode)}: ${total}\n`);
      expect(load.answered + byBad.length + heldByCrashed.length).toBe(load.sent);
    });
  });

  it('a release that turns bad at once does not turn the brake on', () => {
    const raised = events.ofType('alarm_raised_event').map(({ payload }) => payload['id']);
    expect(raised).toEqual(['mass-kill-brake /checked']);
  });

  describe('a checker that is cut off from 20 healthy tasks for 30 s', () => {
    beforeAll(() => blinded);

    it('kills none of them', async () => {
      const after = await up.tasks('/checked');
      expect(after.map(({ id }) => id).sort()).toEqual(checkedBefore.map(({ id }) => id).sort());
      expect(checkedPrints).toHaveLength(CHECKED);
      expect(printsOf(after)).toEqual(checkedPrints);
      const told = events
        .ofType('status_update_event')
        .filter(({ payload }) => payload['appId'] === '/checked')
        .map(({ payload }) => payload['taskStatus']);
      expect(told.filter((each) => each === 'TASK_KILLING' || each === 'TASK_KILLED')).toEqual([]);
      expect(told.filter((each) => each === 'TASK_RUNNING')).toHaveLength(CHECKED);
    });

    it('keeps all of them serving, and no request fails', () => {
      expect(checkedLoad.failures).toEqual([]);
      expect(loadWhileOn.failures).toEqual([]);
      expect(loadWhileOn.seen.size).toBe(CHECKED);
    });

    it('is seen at /v3/brake: how many turned unhealthy, what is held, since when', () => {
      const whole = seenBrakes.find(({ apps }) => apps[0]?.unhealthy === CHECKED);
      expect(whole?.fleet.on).toBe(true);
      expect(whole?.apps[0]).toMatchObject({
        on: true,
        by: 'app',
        healthy: 0,
        together: CHECKED,
        needed: 10,
      });
      expect(Math.max(...seenBrakes.map(({ apps }) => apps[0]?.holds.length ?? 0))).toBe(CHECKED);
      expect(new Set(seenBrakes.map(({ apps }) => apps[0]?.since)).size).toBe(1);
    });

    it('raises an alarm, and the brake ends by itself when they answer again', async () => {
      const about = (type: string): readonly unknown[] =>
        events.ofType(type).filter(({ payload }) => payload['id'] === 'mass-kill-brake /checked');
      await until('the alarm to be cleared', () => about('alarm_cleared_event').length === 1);
      expect(about('alarm_raised_event')).toHaveLength(1);
      expect((await up.app('/checked')).tasksHealthy).toBe(CHECKED);
      const metrics = await (await fetch(`${up.url}/metrics/prometheus`)).text();
      expect(metrics).toMatch(/^longrun_brake_apps 0$/m);
    });
  });
});

interface FirstSuccess {
  readonly firstSuccess: string;
}

/** Sent to a task that ended before it answered. */
const isCutOff = ({ why }: { readonly why: string }): boolean =>
  why.includes('closed the connection before it answered');
const isAnswerOfBad = ({ why }: { readonly why: string }): boolean => why.includes('status 500: bad ');
