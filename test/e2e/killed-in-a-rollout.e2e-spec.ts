// Promise 4 with real processes that die in the middle: releases that must be taken back and one that must go through run at the same
// time, under load, while the control plane, the agent or Postgres is killed at a random moment. Whatever is hit, and when: no request to
// the good release fails, its tasks stay the same processes, and each deployment ends as it would have.
//   LONGRUN_TEST_SEED   the moments of an earlier run again
//   LONGRUN_TEST_KILLS  how often the control plane is killed: 2, as in CI, or more; with 10 or more the others are killed three
//                       times each, and the control plane is also stopped for 15 s
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppAnswer, DeploymentAnswer, EndedDeployment, InstanceWhyAnswer } from '#libs/api-client';
import { identityOf, isAlive } from '#libs/process-identity';
import { until } from '#libs/testkit';
import { CRASHES_AFTER_MS, writeService, type Mode } from './bad-release-service.js';
import { LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';
import { fingerprints } from './task-processes.js';

const KILLS = Number(process.env['LONGRUN_TEST_KILLS'] ?? 2);
const IS_LONG = KILLS >= 10;
/** Of the bad ones; the good one gets what a stop of everything for 15 s may take besides. */
const DEADLINE_S = 10;
const PATIENT_S = 60;
/** Longer than the second bad release lives. */
const MIN_READY_S = Math.ceil(CRASHES_AFTER_MS / 1000) + 1;
const INSTANCES = 2;
const PER_SECOND = 40;
const ROUND_MS = 150_000;

/** The first takes long to be taken back, for its instances ignore SIGTERM; the second is never at rest. */
const BAD = ['stubborn', 'crashes'] as const;
const idOf = (mode: Mode): string => `/killed/${mode}`;
const ROLLS = '/killed/rolls';
const ALL = [...BAD.map(idOf), ROLLS];

/** Prints its seed, so that a failure can be looked at again. */
function dice(): () => number {
  let state = Number(process.env['LONGRUN_TEST_SEED'] ?? Date.now() % 1_000_000);
  process.stderr.write(`killed-in-a-rollout seed: LONGRUN_TEST_SEED=${state}\n`);
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

type Moment = 'rollout' | 'rollback';
type Shown = AppAnswer & { readonly env: Readonly<Record<string, string>> };

describe('while releases are rolled out and taken back, under load', () => {
  let up: LongrunUp;
  let folder = '';
  let command = '';
  let load: SteadyLoad;
  let round = 0;
  const random = dice();

  const anApp = (
    id: string,
    env: Readonly<Record<string, string>>,
    checked: boolean,
    deadlineSeconds = DEADLINE_S,
  ): object => ({
    ...{ id, cmd: command, env, instances: INSTANCES, cpus: 0.01, mem: 64 },
    taskKillGracePeriodSeconds: 2,
    portDefinitions: [{ port: 0, name: 'http' }],
    labels: { 'longrun.io/progress-deadline-seconds': String(deadlineSeconds) },
    healthChecks: checked
      ? [
          {
            ...{ protocol: 'HTTP', path: '/health', portIndex: 0, gracePeriodSeconds: 5 },
            ...{ intervalSeconds: 1, timeoutSeconds: 5, maxConsecutiveFailures: 3 },
          },
        ]
      : [],
  });
  const release = (mode: Mode, isGood: boolean): object =>
    anApp(
      idOf(mode),
      isGood ? { RELEASE: 'good', MODE: 'good' } : { RELEASE: 'bad', MODE: mode, ROUND: String(round) },
      mode !== 'crashes',
    );
  /** It has one good release after the other. */
  const rolling = (): object => anApp(ROLLS, { RELEASE: `good-${round}`, MODE: 'good' }, true, PATIENT_S);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-killed-'));
    command = writeService(folder);
    up = await LongrunUp.start({ args: ['--min-ready-seconds', String(MIN_READY_S)] });
    await up.ready();
    await up.api.put('/v2/apps', [...BAD.map((mode) => release(mode, true)), rolling()]);
    for (const id of ALL) await up.settled(id, INSTANCES);
    for (const id of ALL)
      await until(`${id} to be routed`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok);
    // crashes: without a check it is routed as soon as it runs, and is no good release: it has no load
    load = new SteadyLoad(
      [idOf('stubborn'), ROLLS].map((id) => `${up.proxyUrl}/_app${id}/`),
      PER_SECOND,
    );
  }, 300_000);
  afterAll(async () => {
    await load?.stop();
    await up?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const shown = async (id: string): Promise<Shown> => (await up.app(id)) as Shown;

  /** The deployment, however often the API goes away while it is asked for: what was committed and not answered is found again. */
  async function deploy(id: string, body: object): Promise<string> {
    const before = await until(`${id} to be known`, () => shown(id));
    return until(
      `${id} to be accepted`,
      async () => {
        const now = await shown(id);
        if (now.version !== before.version) return now.deployments[0]?.id;
        return (await up.api.put<DeploymentAnswer>(`/v2/apps${id}`, body)).deploymentId;
      },
      { withinMs: 60_000 },
    );
  }
  const ended = (id: string): Promise<EndedDeployment> =>
    until(
      `deployment ${id} to end`,
      async () => {
        const story = await up.api.get<EndedDeployment>(`/v3/deployments/${id}`);
        if (story.status !== 'running') return story;
        throw new Error(JSON.stringify(story));
      },
      { withinMs: 90_000, everyMs: 50 },
    );
  async function printsOf(ids: readonly string[]): Promise<string[]> {
    const tasks = (await Promise.all(ids.map((id) => up.settled(id, INSTANCES)))).flat();
    const names = tasks.map(({ id }) => id);
    return fingerprints(up.dataDir, names);
  }

  /** Of each of these fingerprints: the chain of reasons why its instance is gone. */
  const whyGone = (prints: readonly string[]): Promise<readonly string[]> =>
    Promise.all(
      prints.map(async (print) => {
        const instance = print.split(' ')[0] ?? '';
        const { now, chain } = await up.api.get<InstanceWhyAnswer>(`/v3/instances/${instance}/why`);
        return [print, now, ...chain.map(({ at, text }) => `${at} ${text}`)].join('\n  ');
      }),
    );

  /** Three changes at once, `hurt` at a random moment of the roll-outs or as soon as the first is being taken back. */
  async function survives(moment: Moment, hurt: () => Promise<unknown>): Promise<void> {
    round += 1;
    const before = await printsOf(BAD.map(idOf));
    expect(before).toHaveLength(BAD.length * INSTANCES);
    const answered = load.answered;
    const failures = load.failures.length;
    // also before the requests are answered
    const early = pause(random() * DEADLINE_S * 1000);
    const hurtEarly = moment === 'rollout' ? early.then(hurt) : early;
    const bad = await Promise.all(BAD.map((mode) => deploy(idOf(mode), release(mode, false))));
    const rolls = await deploy(ROLLS, rolling());
    const outcomes = [...bad, rolls].map(ended);
    // looked at below; should something else fail before that, none is unhandled
    void Promise.allSettled(outcomes);
    if (moment === 'rollback') {
      await Promise.race(outcomes.slice(0, BAD.length));
      await pause(random() * 2_000);
      await hurt();
    }
    await hurtEarly;
    const stories = await Promise.all(outcomes);
    expect(stories.map(({ status }) => status)).toEqual(['failed', 'failed', 'succeeded']);
    for (const [index, mode] of BAD.entries()) expect(stories[index]?.reason).toContain(idOf(mode));
    const after = await printsOf(BAD.map(idOf));
    // first, for it explains what differs
    expect(await whyGone(before.filter((each) => !after.includes(each)))).toEqual([]);
    expect(after).toEqual(before);
    for (const mode of BAD) expect((await shown(idOf(mode))).env['RELEASE']).toBe('good');
    expect(await printsOf([ROLLS])).toHaveLength(INSTANCES);
    await until('more answers', () => load.answered > answered + PER_SECOND);
    expect((await up.api.get<unknown[]>('/v2/deployments')).length).toBe(0);
    expect(load.failures.slice(failures)).toEqual([]);
    process.stderr.write(`round ${round} (${moment}): ${load.answered - answered} requests, 0 failed\n`);
  }

  const moments = (count: number): readonly (readonly [number, Moment])[] =>
    Array.from({ length: count }, (_, index) => [index + 1, index % 2 ? 'rollback' : 'rollout']);

  it.each(moments(KILLS))(
    'kill %i of the control plane, in a %s, changes nothing',
    (_, moment) => survives(moment, () => up.killChild('control-plane')),
    ROUND_MS,
  );

  it.each(Array.from({ length: IS_LONG ? 3 : 1 }, (_, index) => index + 1))(
    'kill %i of the agent, in a rollback, changes nothing',
    () => survives('rollback', () => up.killChild('agent')),
    ROUND_MS,
  );

  it.each([
    ...[['the postmaster', 'rollback', (): Promise<void> => killPostmaster()] as const],
    ...(IS_LONG
      ? ([
          ['a backend', 'rollback', (): Promise<void> => killBackend()],
          ['the postmaster', 'rollout', (): Promise<void> => killPostmaster()],
          ['a backend', 'rollout', (): Promise<void> => killBackend()],
        ] as const)
      : []),
  ])(
    'a kill of %s of Postgres, in a %s, changes nothing',
    (_, moment, kill) => survives(moment, kill),
    ROUND_MS,
  );

  if (IS_LONG)
    it.each(['rollout', 'rollback'] as const)(
      'a control plane that stands still for 15 s in a %s changes nothing',
      (moment) =>
        survives(moment, async () => {
          const { pid } = up.identity('control-plane');
          process.kill(pid, 'SIGSTOP');
          await pause(15_000);
          process.kill(pid, 'SIGCONT');
        }),
      ROUND_MS,
    );

  async function killPostmaster(): Promise<void> {
    const identity = identityOf(up.postgresPid());
    if (!identity) throw new Error('no Postgres');
    process.kill(identity.pid, 'SIGKILL');
    await until('Postgres to be gone', () => !isAlive(identity));
  }

  /** One that serves a client; Postgres then ends all others too, and recovers. */
  async function killBackend(): Promise<void> {
    const postmaster = String(up.postgresPid());
    const backends = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isBackend(name, postmaster));
    const victim = backends[Math.floor(random() * backends.length)];
    if (victim === undefined) throw new Error('no backend');
    process.kill(Number(victim), 'SIGKILL');
    await until('the backend to be gone', () => !isBackend(victim, postmaster));
  }
});

function isBackend(pid: string, postmaster: string): boolean {
  try {
    const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1];
    // "postgres: USER DATABASE [local] idle" or with HOST(PORT); its own helpers have no address
    return (
      parent === postmaster &&
      /^postgres: .*(\[local\]|\(\d+\))/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    );
  } catch {
    return false;
  }
}
