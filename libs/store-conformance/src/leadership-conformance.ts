// Leases and the fence: who may write.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Store } from '#libs/store';
import type { StoreBench } from './bench.js';
import { anApp, anEvent } from './rows.js';

const LEASE_MS = 10_000;
const putApp = (epoch: number) =>
  ({
    epoch,
    guards: [],
    writes: [{ kind: 'put-app', app: anApp('/web') }],
    events: [anEvent('put')],
  }) as const;

export function leadershipConformance(newBench: () => Promise<StoreBench>): void {
  describe('leadership', () => {
    let bench: StoreBench;
    let first: Store;
    let second: Store;
    beforeEach(async () => {
      bench = await newBench();
      [first, second] = [await bench.open(), await bench.open()];
    });
    afterEach(() => bench.close());

    it('goes to the first who asks, with epoch 1, and others learn who that is', async () => {
      expect(await first.campaign('a', 'a:8080', LEASE_MS)).toEqual({
        holder: 'a',
        epoch: 1,
        address: 'a:8080',
      });
      expect(await second.campaign('b', 'b:8080', LEASE_MS)).toEqual({
        holder: 'a',
        epoch: 1,
        address: 'a:8080',
      });
    });

    it('has one clock, which all handles see and which does not stand still', async () => {
      const before = await first.time();
      expect(Number.isInteger(before)).toBe(true);
      await bench.passTime(LEASE_MS);
      const [early, late] = [await first.time(), await second.time()];
      expect(early).toBeGreaterThanOrEqual(before);
      expect(late).toBeGreaterThanOrEqual(early);
    });

    it('keeps its epoch when it is renewed in time, however often', async () => {
      await first.campaign('a', 'a:8080', LEASE_MS);
      for (let round = 0; round < 3; round += 1) {
        await bench.passTime(LEASE_MS - 4_000);
        expect((await first.campaign('a', 'a:8081', LEASE_MS)).epoch).toBe(1);
      }
      expect((await second.campaign('b', 'b:8080', LEASE_MS)).address).toBe('a:8081');
    });

    it('adds 1 to the epoch when another one takes an ended lease over', async () => {
      await first.campaign('a', 'a:8080', LEASE_MS);
      await bench.passTime(LEASE_MS + 1);
      expect(await second.campaign('b', 'b:8080', LEASE_MS)).toEqual({
        holder: 'b',
        epoch: 2,
        address: 'b:8080',
      });
      expect((await first.campaign('a', 'a:8080', LEASE_MS)).holder).toBe('b');
    });

    it('adds 1 also when the holder takes its own ended lease', async () => {
      await first.campaign('a', 'a:8080', LEASE_MS);
      await bench.passTime(LEASE_MS + 1);
      expect((await first.campaign('a', 'a:8080', LEASE_MS)).epoch).toBe(2);
    });

    it('is free at once after a resignation, and only the holder can resign', async () => {
      await first.campaign('a', 'a:8080', LEASE_MS);
      await second.resign('b');
      expect((await second.campaign('b', 'b:8080', LEASE_MS)).holder).toBe('a');
      await first.resign('a');
      expect(await second.campaign('b', 'b:8080', LEASE_MS)).toMatchObject({ holder: 'b', epoch: 2 });
    });

    it('goes to exactly one of many who ask at once', async () => {
      const asked = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          (index % 2 ? first : second).campaign(`holder-${index}`, `h${index}:1`, LEASE_MS),
        ),
      );
      expect(new Set(asked.map((answer) => answer.holder)).size).toBe(1);
      expect(new Set(asked.map((answer) => answer.epoch))).toEqual(new Set([1]));
    });

    it('fences a commit before anybody ever led', async () => {
      expect(await first.commit(putApp(0))).toEqual({ kind: 'fenced', epoch: 0 });
    });

    it('fences a lower and an unheard-of epoch, and writes nothing', async () => {
      await first.campaign('a', 'a:8080', LEASE_MS);
      await bench.passTime(LEASE_MS + 1);
      await second.campaign('b', 'b:8080', LEASE_MS);
      expect(await first.commit(putApp(1))).toEqual({ kind: 'fenced', epoch: 2 });
      expect(await first.commit(putApp(3))).toEqual({ kind: 'fenced', epoch: 2 });
      expect(await first.load()).toMatchObject({ apps: [], eventNumber: 0 });
      expect((await second.commit(putApp(2))).kind).toBe('committed');
    });

    it('fences the holder itself once its lease has ended or was given up', async () => {
      await first.campaign('a', 'a:8080', LEASE_MS);
      await bench.passTime(LEASE_MS + 1);
      expect(await first.commit(putApp(1))).toEqual({ kind: 'fenced', epoch: 1 });
      await first.campaign('a', 'a:8080', LEASE_MS);
      await first.resign('a');
      expect(await first.commit(putApp(2))).toEqual({ kind: 'fenced', epoch: 2 });
    });
  });
}
