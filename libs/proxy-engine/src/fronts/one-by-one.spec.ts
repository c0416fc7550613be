import { describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { get, ok, RawClient, rawTask } from '../fast/wire-bed.js';
import { aService, aTable, startEngine } from '../fixtures/engine-bed.js';
import { OneByOne } from './one-by-one.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('those that waited for the same table', () => {
  async function waiting(count: number): Promise<{ clock: ManualClock; gone: number[] }> {
    const clock = new ManualClock();
    const all = new OneByOne(clock);
    const gone: number[] = [];
    const table = Promise.resolve();
    for (let each = 0; each < count; each += 1) void all.after(table).then(() => gone.push(each));
    await turn();
    return { clock, gone };
  }

  it('go on in the order in which they came, one in a turn', async () => {
    const { gone } = await waiting(20);
    const before = gone.length;
    await turn();
    expect(gone.length).toBe(before + 1);
    while (gone.length < 20) await turn();
    expect(gone).toEqual(Array.from({ length: 20 }, (_, each) => each));
  });

  it('go on several at a time where turns are long', async () => {
    const { clock, gone } = await waiting(1_000);
    for (let turns = 0; turns < 5; turns += 1) {
      clock.spend(60);
      await turn();
    }
    expect(gone).toHaveLength(1_000);
  });

  it('go on when the table could not be had, and later ones after them', async () => {
    const all = new OneByOne(new ManualClock());
    await all.after(Promise.reject(new Error('none')));
    await Promise.all([all.after(Promise.resolve()), all.after(Promise.resolve())]);
  });

  it('are not sent to their targets in one turn', async () => {
    let fresh: () => void = () => undefined;
    let wait: Promise<void> | undefined = new Promise((resolve) => (fresh = resolve));
    let asked = 0;
    const task = await rawTask((socket, heard) => {
      if (heard.endsWith('\r\n\r\n')) socket.write(ok());
    });
    const { engine, port } = await startEngine({
      clock: new ManualClock(),
      freshen: () => {
        asked += 1;
        return wait;
      },
    });
    await engine.swap(aTable(1, aService({ a: task.port })));
    const clients = Array.from({ length: 40 }, () => new RawClient(port).send(get()));
    try {
      await until('the questions', () => asked === clients.length);
      wait = undefined;
      fresh();
      for (let turns = 1; turns <= 5; turns += 1) {
        await turn();
        for (const count of engine.inFlight().values()) expect(count).toBeLessThanOrEqual(turns);
      }
      for (const each of clients) await each.hears('200 OK');
    } finally {
      for (const { socket } of clients) socket.destroy();
      await engine.stop(0);
      await task.close();
    }
  });
});
