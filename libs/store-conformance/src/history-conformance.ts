// What is kept and how it is read again: versions, deployments, events, tokens, the cluster's id.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, asDeploymentId, timestampOf } from '#libs/model';
import type { Store, Write } from '#libs/store';
import type { StoreBench } from './bench.js';
import { aDeployment, anApp, anEvent, anInstance, aVersion } from './rows.js';

export function historyConformance(newBench: () => Promise<StoreBench>): void {
  describe('history', () => {
    let bench: StoreBench;
    let store: Store;
    const write = async (writes: readonly Write[], events: readonly string[] = []) => {
      const result = await store.commit({ epoch: 1, guards: [], writes, events: events.map(anEvent) });
      expect(result.kind).toBe('committed');
      return result.kind === 'committed' ? result.events : [];
    };
    const addVersion = (number: number): Write => ({
      kind: 'add-version',
      version: aVersion('/web', number),
    });
    beforeEach(async () => {
      bench = await newBench();
      store = await bench.open();
      await store.campaign('a', 'a:8080', 600_000);
    });
    afterEach(() => bench.close());

    it('gives all handles the same cluster id', async () => {
      const id = await store.clusterId();
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(await (await bench.open()).clusterId()).toBe(id);
    });

    it('gives the versions of an app newest first, whatever order they came in', async () => {
      await write([addVersion(2), addVersion(1), { kind: 'add-version', version: aVersion('/other', 9) }]);
      await write([addVersion(3), addVersion(2)]);
      expect(await store.versions(asAppId('/web'))).toEqual(
        [3, 2, 1].map((number) => aVersion('/web', number)),
      );
      expect(await store.versions(asAppId('/none'))).toEqual([]);
    });

    it('keeps the newest 50 versions, the current one and those that instances run', async () => {
      const runs = (id: string, number: number): Write => ({
        kind: 'put-instance',
        instance: anInstance(id, { version: aVersion('/web', number).version }),
      });
      await write([
        { kind: 'put-app', app: anApp('/web', 1, 3) },
        runs('i', 5),
        addVersion(3),
        addVersion(5),
      ]);
      for (let number = 10; number < 70; number += 1) await write([addVersion(number)]);
      const kept = Array.from({ length: 50 }, (_, index) => 69 - index);
      expect(await store.versions(asAppId('/web'))).toEqual(
        [...kept, 5, 3].map((number) => aVersion('/web', number)),
      );
      expect((await store.load()).versions).toEqual([aVersion('/web', 5)]);
    });

    it('forgets the versions of a removed app but never its newest timestamp', async () => {
      await write([{ kind: 'put-app', app: anApp('/web', 1, 8) }, addVersion(8), addVersion(9)]);
      await write([addVersion(10), { kind: 'remove-app', id: asAppId('/web') }]);
      expect(await store.versions(asAppId('/web'))).toEqual([]);
      expect(await store.load()).toMatchObject({ apps: [], lastVersion: aVersion('/web', 10).version });
      await write([{ kind: 'put-app', app: anApp('/other', 1, 4) }]);
      expect((await store.load()).lastVersion).toBe(aVersion('/web', 10).version);
    });

    it('gives a deployment by id, and the ended ones newest first', async () => {
      const puts = [
        aDeployment('d-1', 100),
        aDeployment('d-2', 300),
        aDeployment('d-3', 200),
        aDeployment('d-4'),
      ];
      await write(puts.map((deployment) => ({ kind: 'put-deployment', deployment })));
      expect(await store.deployment(asDeploymentId('d-3'))).toEqual(aDeployment('d-3', 200));
      expect(await store.deployment(asDeploymentId('none'))).toBeNull();
      expect((await store.history(2)).map((each) => each.id)).toEqual(['d-2', 'd-3']);
      expect((await store.load()).deployments).toEqual([aDeployment('d-4')]);
      await write([{ kind: 'put-deployment', deployment: aDeployment('d-4', 400, 2) }]);
      expect((await store.history(9)).map((each) => each.id)).toEqual(['d-4', 'd-2', 'd-3', 'd-1']);
      expect((await store.load()).deployments).toEqual([]);
    });

    it('gives ended deployments by their version, newest first, whenever they ended', async () => {
      const at = (id: string, version: number, endedAt?: number): Write => ({
        kind: 'put-deployment',
        deployment: { ...aDeployment(id, endedAt), version: timestampOf(version) },
      });
      await write([at('d-1', 10, 900), at('d-2', 20, 300), at('d-3', 30), at('d-4', 40, 100)]);
      const before = async (version: number, limit: number) =>
        (await store.endedBefore(timestampOf(version), limit)).map((each) => each.id);
      expect(await before(50, 9)).toEqual(['d-4', 'd-2', 'd-1']);
      expect(await before(40, 1)).toEqual(['d-2']);
      expect(await before(10, 9)).toEqual([]);
    });

    it('keeps the newest 1000 ended deployments and every running one', async () => {
      const ended = Array.from({ length: 1005 }, (_, index) => aDeployment(`d-${index}`, 1000 + index));
      const puts = [aDeployment('running'), ...ended];
      await write(puts.map((deployment) => ({ kind: 'put-deployment', deployment })));
      const kept = await store.history(5000);
      expect(kept).toHaveLength(1000);
      expect([kept.at(0)?.id, kept.at(-1)?.id]).toEqual(['d-1004', 'd-5']);
      expect(await store.deployment(asDeploymentId('d-4'))).toBeNull();
      expect(await store.deployment(asDeploymentId('running'))).not.toBeNull();
    });

    it('numbers events from 1 without gaps, also after conflicts, and reads them by cursor', async () => {
      expect((await write([], ['a', 'b'])).map((event) => event.number)).toEqual([1, 2]);
      await store.commit({ epoch: 0, guards: [], writes: [], events: [anEvent('fenced')] });
      const guards = [{ kind: 'app', id: asAppId('/none'), revision: 1 }] as const;
      await store.commit({ epoch: 1, guards, writes: [], events: [anEvent('conflict')] });
      expect((await write([], ['c'])).map((event) => event.number)).toEqual([3]);
      const expected = ['a', 'b', 'c'].map((text, index) => ({ ...anEvent(text), number: index + 1 }));
      expect(await store.eventsAfter(0, 10)).toEqual({ kind: 'events', events: expected });
      expect(await store.eventsAfter(1, 1)).toEqual({ kind: 'events', events: expected.slice(1, 2) });
      expect(await store.eventsAfter(3, 10)).toEqual({ kind: 'events', events: [] });
      expect(await store.eventsAfter(9, 10)).toEqual({ kind: 'ahead', newest: 3 });
    });

    it('ends a page of events early when they are large, but never before the first', async () => {
      const large = 'x'.repeat(1000);
      await write([], [large, large, large, 'small']);
      const numbers = async (after: number, bytesMax: number): Promise<readonly number[]> => {
        const page = await store.eventsAfter(after, 10, bytesMax);
        return page.kind === 'events' ? page.events.map(({ number }) => number) : [];
      };
      expect(await numbers(0, 2500)).toEqual([1, 2]);
      expect(await numbers(0, 1)).toEqual([1]);
      expect(await numbers(2, 2500)).toEqual([3, 4]);
    });

    it('never shows a reader a number before a lower one, while two handles commit at once', async () => {
      const other = await bench.open();
      const rounds = Array.from({ length: 30 }, (_, index) => index);
      const commits = rounds.flatMap((round) =>
        [store, other].map((handle) =>
          handle.commit({
            epoch: 1,
            guards: [],
            writes: [],
            events: [anEvent(`${round} a`), anEvent(`${round} b`)],
          }),
        ),
      );
      const seen: number[] = [];
      const reader = await bench.open();
      const settled = Promise.all(commits).then(() => true);
      for (let done = false; !done || seen.length < 120;) {
        done ||= await Promise.race([settled, Promise.resolve(false)]);
        const page = await reader.eventsAfter(seen.at(-1) ?? 0, 50);
        if (page.kind === 'events') seen.push(...page.events.map((event) => event.number));
      }
      expect(seen).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
      for (const result of await Promise.all(commits)) {
        const numbers = result.kind === 'committed' ? result.events.map((event) => event.number) : [];
        expect(numbers[1]).toBe((numbers[0] ?? 0) + 1);
      }
    });

    it('knows tokens by their hash', async () => {
      expect(await store.tokenRole('hash-1')).toBeNull();
      await store.putToken('hash-1', 'agent');
      await store.putToken('hash-2', 'proxy');
      await store.putToken('hash-1', 'agent');
      expect([await store.tokenRole('hash-1'), await store.tokenRole('hash-2')]).toEqual(['agent', 'proxy']);
    });
  });
}
