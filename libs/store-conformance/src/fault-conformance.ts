// A network that breaks: what was acknowledged stays, what was not may or may not be there, and the next load tells.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, asDeploymentId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import { StoreUnavailable } from '#libs/store';
import type { Store } from '#libs/store';
import type { FragileStore, StoreBench } from './bench.js';
import { anApp, anEvent } from './rows.js';

const put = (revision: number) =>
  ({
    epoch: 1,
    guards: [],
    writes: [{ kind: 'put-app', app: anApp('/web', revision) }],
    events: [anEvent(`revision ${revision}`)],
  }) as const;

const callsOf = (store: Store): Record<string, () => Promise<unknown>> => ({
  clusterId: () => store.clusterId(),
  campaign: () => store.campaign('a', 'a:8080', 1000),
  resign: () => store.resign('a'),
  load: () => store.load(),
  commit: () => store.commit(put(9)),
  versions: () => store.versions(asAppId('/web')),
  deployment: () => store.deployment(asDeploymentId('d')),
  history: () => store.history(1),
  endedBefore: () => store.endedBefore(timestampOf(1), 1),
  eventsAfter: () => store.eventsAfter(0, 1),
  reasonsOf: () => store.reasonsOf(asInstanceId('i')),
  reasonsOfApp: () => store.reasonsOfApp(asAppId('/web'), { limit: 1 }),
  instanceOfTask: () => store.instanceOfTask(asTaskId('t')),
  tokenRole: () => store.tokenRole('hash'),
  putToken: () => store.putToken('hash', 'agent'),
  trimEvents: () => store.trimEvents?.() ?? Promise.reject(new StoreUnavailable('not offered')),
});

export function faultConformance(newBench: () => Promise<StoreBench>): void {
  describe('faults', () => {
    let bench: StoreBench;
    let fragile: FragileStore;
    beforeEach(async () => {
      bench = await newBench();
      fragile = await bench.openFragile();
      await fragile.store.campaign('a', 'a:8080', 600_000);
    });
    afterEach(() => bench.close());

    it('shows a commit whose answer was lost in the next load', async () => {
      const { store } = fragile;
      await store.commit(put(1));
      fragile.loseNextAnswer();
      await expect(store.commit(put(2))).rejects.toBeInstanceOf(StoreUnavailable);
      expect(await store.load()).toMatchObject({ apps: [{ revision: 2 }], eventNumber: 2 });
      expect((await store.commit(put(3))).kind).toBe('committed');
      expect((await store.load()).eventNumber).toBe(3);
    });

    it('throws StoreUnavailable from every method while cut off, and works again afterwards', async () => {
      const { store } = fragile;
      await store.commit(put(1));
      fragile.setReachable(false);
      for (const [name, call] of Object.entries(callsOf(store))) {
        const thrown: unknown = await call().then(
          () => `${name} answered`,
          (error: unknown) => error,
        );
        expect(thrown).toBeInstanceOf(StoreUnavailable);
      }
      fragile.setReachable(true);
      expect(await store.load()).toMatchObject({ apps: [{ revision: 1 }], eventNumber: 1 });
      expect((await store.commit(put(2))).kind).toBe('committed');
    });

    it('throws StoreUnavailable from every method after close', async () => {
      const { store } = fragile;
      await store.close();
      for (const call of Object.values(callsOf(store)))
        await expect(call()).rejects.toBeInstanceOf(StoreUnavailable);
      await store.close();
    });
  });
}
