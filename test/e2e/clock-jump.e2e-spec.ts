// A wall clock that is set while a release is rolled out or taken back, of the control plane and of the agent (decisions.md 5: a clock that
// jumps changes nothing), and a control plane that takes over with a wrong one. Needs libfaketime (apt: libfaketime); skipped without it.
import { someOf } from './long-form.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { canFakeTime, until, WallClock } from '#libs/testkit';
import { writeService } from './bad-release-service.js';
import { PartedLongrun, STARTED } from './parted-longrun.js';
import { Rollbacks } from './rollbacks.js';

/** A deadline that is still ahead when the other has taken over, and how much later than that the end is seen. */
const LONG_S = 45;
const LATE_S = 20;
const HOUR_S = 3_600;
const FORTH = HOUR_S;
const BACK = -2 * HOUR_S;

(canFakeTime ? describe : describe.skip)('a wall clock that jumps', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-clock-'));
  let parted: PartedLongrun;
  let rollbacks: Rollbacks;
  let planeClock: WallClock;
  let agentClock: WallClock;

  beforeAll(async () => {
    planeClock = new WallClock(join(folder, 'plane'));
    agentClock = new WallClock(join(folder, 'agent'));
    parted = await PartedLongrun.start({
      planes: 2,
      planeEnv: () => planeClock.environment,
      agentEnv: agentClock.environment,
    });
    rollbacks = await Rollbacks.begin(parted, writeService(folder));
  }, 240_000);
  afterAll(async () => {
    await rollbacks?.end();
    await parted?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const jumps = async (clock: WallClock): Promise<void> => {
    for (const offset of [FORTH, BACK]) {
      clock.set(offset);
      await pause(2_500);
      // or it would prove nothing: the date of an answer is that of the process
      if (clock === planeClock) expect(Math.abs((await secondsOff()) - offset)).toBeLessThan(30);
    }
    clock.set(0);
  };
  const secondsOff = async (): Promise<number> => {
    const { plane } = await parted.leader();
    const { headers } = await fetch(`${parted.url(plane)}/ping`);
    return (Date.parse(headers.get('date') ?? '') - Date.now()) / 1000;
  };
  const ofPlane = (): Promise<void> => jumps(planeClock);
  const ofAgent = (): Promise<void> => jumps(agentClock);
  /** The one that leads is killed, and the other takes over with a clock that was wrong when it was started. */
  const takeover = (offset: number) => async (): Promise<void> => {
    const { plane, epoch } = await parted.leader();
    const other = parted.planes[1 - plane];
    await other?.end('SIGKILL');
    planeClock.set(offset);
    other?.start();
    await until(
      'the standby to answer',
      async () => (await fetch(`${parted.url(1 - plane)}/ping`)).ok,
      STARTED,
    );
    await parted.planes[plane]?.end('SIGKILL');
    await until('it to lead', async () => (await parted.leader()).epoch > epoch, { withinMs: 30_000 });
    await until('it to answer', () => parted.api(1 - plane).get('/v2/deployments'));
    planeClock.set(0);
    parted.planes[plane]?.start();
    await until('the next standby', async () => (await fetch(`${parted.url(plane)}/ping`)).ok, STARTED);
  };

  const cases = [
    ['of the control plane, while a release is rolled out', 'rollout', ofPlane],
    ['of the control plane, while it is taken back', 'rollback', ofPlane],
    ['of the agent, while a release is rolled out', 'rollout', ofAgent],
    ['of the agent, while it is taken back', 'rollback', ofAgent],
    ['of the next leader, one hour ahead, in a rollback', 'rollback', takeover(FORTH)],
    ['of the next leader, two hours behind, in a rollback', 'rollback', takeover(BACK)],
  ] as const;

  it.each(someOf(cases, 3))(
    '%s',
    async (_, moment, hurt) => {
      await rollbacks.survives(moment, hurt);
    },
    300_000,
  );

  const ahead = ['an hour ahead', FORTH] as const;
  const behind = ['two hours behind', BACK] as const;

  it.each(someOf([ahead, behind], 1))(
    'of the next leader, %s in a rollout: the deadline is that of the first',
    async (_, offset) => {
      const tookMs = await rollbacks.survives('rollout', takeover(offset), LONG_S);
      expect(tookMs).toBeLessThan((LONG_S + LATE_S) * 1000);
    },
    300_000,
  );
});
