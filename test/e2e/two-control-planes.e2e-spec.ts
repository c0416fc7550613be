// Promises 4, 6 and 7 with two real control planes on one Postgres: the leader is killed while a release is rolled out or taken back, or
// frozen for longer than its lease. The other one goes on, and the one that thaws changes nothing.
import { IS_LONG, someOf } from './long-form.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '#libs/testkit';
import { writeService } from './bad-release-service.js';
import { PartedLongrun, STARTED } from './parted-longrun.js';
import { aRelease, INSTANCES, Rollbacks, type Hurt } from './rollbacks.js';

/** Longer than the lease of a leader, 10 s. */
const FROZEN_MS = 15_000;

describe('two control planes', () => {
  let parted: PartedLongrun;
  let rollbacks: Rollbacks;
  const folder = mkdtempSync(join(tmpdir(), 'longrun-two-'));

  beforeAll(async () => {
    parted = await PartedLongrun.start({ planes: 2 });
    rollbacks = await Rollbacks.begin(parted, writeService(folder));
  }, 240_000);
  afterAll(async () => {
    await rollbacks?.end();
    await parted?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  /** Whoever leads is hurt; afterwards the other one leads, in a later epoch. */
  const changesLeader = (act: (plane: number) => Promise<void>): Hurt => {
    return async () => {
      const before = await parted.leader();
      await act(before.plane);
      const after = await until('the other to lead', async () => {
        const now = await parted.leader();
        return now.plane === before.plane ? undefined : now;
      });
      expect(after).toEqual({ plane: 1 - before.plane, epoch: before.epoch + 1 });
    };
  };
  const killed = changesLeader((plane) => parted.planes[plane]?.end('SIGKILL') ?? Promise.resolve());
  const frozen = changesLeader(async (plane) => {
    parted.planes[plane]?.signal('SIGSTOP');
    await pause(FROZEN_MS);
    parted.planes[plane]?.signal('SIGCONT');
  });

  const cases = [
    ['killed while it is rolled out', 'rollout', killed],
    ['killed while it is taken back', 'rollback', killed],
    ['frozen for longer than its lease while it is rolled out', 'rollout', frozen],
    ['frozen for longer than its lease while it is taken back', 'rollback', frozen],
  ] as const;

  it.each(someOf(cases, 1))(
    'a bad release ends as promised although the leader is %s',
    async (_, moment, hurt) => {
      await rollbacks.survives(moment, hurt);
      // who thawed stands by, and says so; who was killed comes back as the standby
      const { plane, epoch } = await parted.leader();
      const other = parted.planes[1 - plane];
      if (hurt === killed) other?.start();
      await until(
        'the standby to answer with the leader',
        async () => {
          const { leader } = await parted.api(1 - plane).get<{ leader: string }>('/v2/leader');
          return leader.endsWith(String(new URL(parted.url(plane)).port));
        },
        STARTED,
      );
      if (hurt === frozen) expect(other?.output).toContain('no longer leads');
      await pause(4_000);
      expect(await parted.leader()).toEqual({ plane, epoch });
      await rollbacks.unharmed();
    },
    300_000,
  );

  if (IS_LONG)
    it('lets a good release through although the leader is killed', async () => {
      const { plane } = await parted.leader();
      const deployment = await rollbacks.deploy(
        aRelease(rollbacks.command, { RELEASE: 'next', MODE: 'good' }, 60),
      );
      await parted.planes[plane]?.end('SIGKILL');
      expect(await rollbacks.outcomeOf(deployment)).toMatchObject({ status: 'succeeded' });
      expect(await parted.settled(rollbacks.id, INSTANCES, 1 - plane)).toHaveLength(INSTANCES);
      expect(rollbacks.load.failures).toEqual([]);
    }, 120_000);
});
