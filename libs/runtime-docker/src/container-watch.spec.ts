// What the Engine does not tell: ends whose events wait unread while this process stands still.
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { silentLogger } from '#libs/telemetry';
import { ManualClock } from '#libs/time';
import { ContainerWatch } from './container-watch.js';

const TASK = 'web.task-1';
let clock: ManualClock;
let watch: ContainerWatch;
let lists: number;
let fails: boolean;
let isWoken: boolean;

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Its container ends while nobody reads events. */
beforeEach(async () => {
  [clock, lists, fails, isWoken] = [new ManualClock(), 0, false, false];
  const client = {
    events: () => Promise.resolve(new PassThrough()),
    list: () => {
      lists += 1;
      return fails ? Promise.reject(new Error('no answer')) : Promise.resolve([]);
    },
  };
  watch = new ContainerWatch(client, () => ({ agentId: 'agent-1', clusterId: null }), clock, silentLogger);
  const first = watch.next(TASK, new AbortController().signal);
  await turns();
  await first; // by the list of the beginning
  watch.next(TASK, new AbortController().signal).then(
    () => (isWoken = true),
    () => undefined,
  );
  lists = 0;
});
afterEach(() => watch.close());

it('asks the Engine nothing while time goes on', async () => {
  for (let second = 0; second < 20; second += 1) {
    clock.advance(1_000);
    await turns();
    expect(await watch.catchUp()).toBe(false);
  }
  expect([lists, isWoken]).toEqual([0, false]);
});

it.each([
  ['before timers have fired', (ms: number) => clock.spend(ms)],
  ['after timers have fired', (ms: number) => clock.standStill(ms)],
])('wakes who waits for what ended during a standstill, asked %s', async (_, standStill) => {
  standStill(3_000);
  await turns();
  fails = true;
  await expect(watch.catchUp()).rejects.toThrow('no answer');
  fails = false;
  expect(await watch.catchUp()).toBe(true);
  await turns();
  expect(isWoken).toBe(true);
});
