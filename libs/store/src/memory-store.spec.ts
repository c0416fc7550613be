// The memory store against the suite, and what only it has.
import { describe, expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import {
  commitConformance,
  faultConformance,
  historyConformance,
  leadershipConformance,
  reasonConformance,
} from '#libs/store-conformance';
import type { StoreBench } from '#libs/store-conformance';
import { ManualClock, randomIds } from '#libs/time';
import { EVENTS_KEPT_MS } from './retention.js';
import { MemoryStore } from './memory-store.js';

async function newBench(): Promise<StoreBench> {
  const clock = new ManualClock();
  const first = new MemoryStore({ clock, ids: randomIds });
  return {
    open: async () => first.connect(),
    openFragile: async () => {
      const store = first.connect();
      return {
        store,
        loseNextAnswer: () => store.loseNextAnswer(),
        setReachable: (reachable) => store.setReachable(reachable),
      };
    },
    passTime: async (ms) => clock.advance(ms),
    close: async () => first.close(),
  };
}

describe('MemoryStore', () => {
  leadershipConformance(newBench);
  commitConformance(newBench);
  historyConformance(newBench);
  reasonConformance(newBench);
  faultConformance(newBench);

  it('answers 410 material for a cursor older than 7 days', async () => {
    const clock = new ManualClock();
    const store = new MemoryStore({ clock, ids: randomIds });
    await store.campaign('a', 'a:1', 2 * EVENTS_KEPT_MS);
    const append = () => {
      const timestamp = new Date(clock.now()).toISOString() as never;
      const event = { type: 'app_terminated_event', timestamp, payload: { appId: asAppId('/web') } } as const;
      return store.commit({ epoch: 1, guards: [], writes: [], events: [event] });
    };
    await append();
    await append();
    clock.advance(EVENTS_KEPT_MS + 1);
    await append();
    expect(await store.trimEvents()).toBe(2);
    expect(await store.trimEvents()).toBe(0);
    expect(await store.eventsAfter(1, 10)).toEqual({ kind: 'too-old', oldest: 3 });
    expect(await store.eventsAfter(2, 10)).toMatchObject({ kind: 'events', events: [{ number: 3 }] });
    clock.advance(EVENTS_KEPT_MS - 1000);
    await append();
    expect((await store.load()).eventNumber).toBe(4);
  });
});
