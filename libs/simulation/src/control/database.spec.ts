import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf } from '#libs/model';
import type { Store, Write } from '#libs/store';
import { SimNetwork } from '../engine/network.js';
import { Random } from '../engine/random.js';
import { SimProcess } from '../engine/sim-process.js';
import { Timeline } from '../engine/timeline.js';
import { SimDatabase, type CrashPoint } from './database.js';

const REMOVES: Write = { kind: 'remove-app', id: asAppId('/web') };
const GROUP = {
  ...{ id: asAppId('/shop'), dependencies: [], version: timestampOf(0) },
  ...{ enforceRole: false, revision: 1 },
};
const PUTS: Write = { kind: 'put-group', group: GROUP };
const TABLE: Write = { kind: 'set-table-number', number: 7 };

/** One control plane that leads, over a store that says what took effect. */
class World {
  readonly timeline = new Timeline();
  readonly random = new Random('database');
  readonly process = new SimProcess(this.timeline, 'cp-0', 'cp-0#1', this.random);
  /** Kinds of writes of the commits that took effect. */
  readonly stored: string[] = [];
  readonly database = new SimDatabase(
    this.timeline,
    new SimNetwork(this.timeline, this.random),
    this.random,
    (_by, { writes }) => this.stored.push(writes.map(({ kind }) => kind).join(' ')),
  );
  readonly store: Store = this.database.connect(this.process);
  #epoch = 0;

  async lead(): Promise<void> {
    const elected = this.store.campaign('cp-0', 'cp-0:8080', 1e9);
    await this.run(1_000);
    this.#epoch = (await elected).epoch;
  }
  run(ms: number): Promise<void> {
    return this.timeline.run(this.timeline.now + ms, () => undefined);
  }
  arm(point: Partial<CrashPoint>): void {
    const kill = (process: SimProcess): void => process.kill();
    this.database.arm({ when: 'before-commit', nth: 1, until: Infinity, of: null, kill, ...point });
  }
  /** Whether it was answered. */
  async commit(...writes: readonly Write[]): Promise<boolean> {
    let isAnswered = false;
    void this.store
      .commit({ epoch: this.#epoch, guards: [], writes, events: [] })
      .then(() => (isAnswered = true));
    await this.run(1_000);
    return isAnswered;
  }
}

let world: World;
beforeEach(async () => {
  world = new World();
  await world.lead();
});

describe('a crash point at a kind of write', () => {
  it('kills before the commit with it reaches the store, and lets others pass', async () => {
    world.arm({ write: 'remove-app' });
    expect(await world.commit(PUTS)).toBe(true);
    expect(await world.commit(TABLE, REMOVES)).toBe(false);
    expect(world.process.isAlive).toBe(false);
    expect(world.stored).toEqual(['put-group']);
  });

  it('kills after the commit with it took effect, before the answer', async () => {
    world.arm({ write: 'remove-app', when: 'after-commit' });
    expect(await world.commit(TABLE)).toBe(true);
    expect(await world.commit(REMOVES)).toBe(false);
    expect([world.process.isAlive, world.stored]).toEqual([false, ['set-table-number', 'remove-app']]);
  });

  it('counts only such commits', async () => {
    world.arm({ write: 'put-group', nth: 2 });
    for (const write of [TABLE, PUTS, TABLE, REMOVES]) expect(await world.commit(write)).toBe(true);
    expect(await world.commit(PUTS)).toBe(false);
    expect(world.process.isAlive).toBe(false);
  });

  it('does nothing when the commit comes too late', async () => {
    world.arm({ write: 'remove-app', until: world.timeline.now + 5_000 });
    await world.run(6_000);
    expect(await world.commit(REMOVES)).toBe(true);
    expect(world.process.isAlive).toBe(true);
  });

  it('is of one process only, where that is named', async () => {
    const other = new SimProcess(world.timeline, 'cp-1', 'cp-1#1', world.random);
    world.arm({ write: 'remove-app', of: other });
    expect(await world.commit(REMOVES)).toBe(true);
    world.arm({ write: 'remove-app', of: world.process });
    expect(await world.commit(REMOVES)).toBe(false);
    expect([world.process.isAlive, other.isAlive]).toEqual([false, true]);
  });

  it('waits beside another one, and whichever comes first kills', async () => {
    world.arm({ write: 'remove-app' });
    world.arm({ nth: 3 });
    expect([await world.commit(TABLE), await world.commit(PUTS), await world.commit(TABLE)]).toEqual([
      true,
      true,
      false,
    ]);
    world = new World();
    await world.lead();
    world.arm({ write: 'remove-app' });
    world.arm({ nth: 3 });
    expect([await world.commit(TABLE), await world.commit(REMOVES)]).toEqual([true, false]);
  });
});
