// Reasons: written with the change they explain or not at all, read by instance, task and app, kept longer than what they are about.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, asInstanceId, asTaskId, type Reason } from '#libs/model';
import { REASONS_PER_INSTANCE, type ReasonPage, type Store, type Write } from '#libs/store';
import type { StoreBench } from './bench.js';
import { anInstance, aReason } from './rows.js';

export function reasonConformance(newBench: () => Promise<StoreBench>): void {
  describe('reasons', () => {
    let bench: StoreBench;
    let store: Store;
    const add = (reason: Reason): Write => ({ kind: 'add-reason', reason });
    const write = async (...writes: readonly Write[]): Promise<void> => {
      expect(await store.commit({ epoch: 1, guards: [], writes, events: [] })).toMatchObject({
        kind: 'committed',
      });
    };
    const texts = (reasons: readonly Reason[]): string[] => reasons.map(({ cause }) => cause.text);
    const of = async (id: string): Promise<string[]> => texts(await store.reasonsOf(asInstanceId(id)));
    beforeEach(async () => {
      bench = await newBench();
      store = await bench.open();
      await store.campaign('a', 'a:8080', 600_000);
    });
    afterEach(() => bench.close());

    it('come back as written, newest first, also texts that no jsonb would take', async () => {
      const first = aReason('i-1', 'NUL \u0000, half a pair \ud800, "quoted" \\ {a,b}');
      const second = aReason('i-1', 'second', {
        what: 'launched',
        taskId: asTaskId('web.1'),
        hostPorts: [31_000],
        tableNumber: 7,
      });
      await write(add(first), add(aReason('i-2', 'of another one')), add(second));
      const [newest, oldest] = await (await bench.open()).reasonsOf(asInstanceId('i-1'));
      expect([newest, oldest]).toEqual([
        { ...second, number: expect.any(Number) },
        { ...first, number: expect.any(Number) },
      ]);
      expect(newest?.number).toBeGreaterThan(oldest?.number ?? Infinity);
      expect(await of('none')).toEqual([]);
    });

    it('are written with the change they explain, or not at all', async () => {
      const writes = [add(aReason('i-1', 'never'))];
      const guards = [{ kind: 'app', id: asAppId('/none'), revision: 1 }] as const;
      await store.commit({ epoch: 1, guards, writes, events: [] });
      await store.commit({ epoch: 0, guards: [], writes, events: [] });
      expect(await of('i-1')).toEqual([]);
    });

    it('outlive their instance and its app', async () => {
      await write({ kind: 'put-instance', instance: anInstance('i-1') }, add(aReason('i-1', 'created')));
      await write(
        { kind: 'remove-instance', id: asInstanceId('i-1') },
        { kind: 'remove-app', id: asAppId('/web') },
        add(aReason('i-1', 'removed', { what: 'removed' })),
      );
      expect(await of('i-1')).toEqual(['removed', 'created']);
    });

    it('name the instance of every task that was ever launched or taken over', async () => {
      const taskId = (id: string): Partial<Reason> => ({ taskId: asTaskId(id) });
      await write(
        add(aReason('i-1', 'a', { what: 'launched', ...taskId('web.1') })),
        add(aReason('i-1', 'b', { what: 'adopted', ...taskId('web.2') })),
        add(aReason('i-2', 'c', { what: 'launched', ...taskId('web.3') })),
        add(aReason('i-2', 'd', { what: 'ended', ...taskId('web.4') })),
      );
      const found = ['web.1', 'web.2', 'web.3', 'web.4'].map((id) => store.instanceOfTask(asTaskId(id)));
      expect(await Promise.all(found)).toEqual(['i-1', 'i-1', 'i-2', null]);
    });

    it('are read by app, page by page, newest first', async () => {
      const ofOther = aReason('o-1', 'other', { appId: asAppId('/other') });
      await write(...['a', 'b'].map((text) => add(aReason('i-1', text))), add(ofOther));
      await write(...['c', 'd'].map((text) => add(aReason('i-2', text))));
      const read = (page: ReasonPage) => store.reasonsOfApp(asAppId('/web'), page);
      const first = await read({ limit: 3 });
      expect(texts(first)).toEqual(['d', 'c', 'b']);
      expect(texts(await read({ limit: 3, before: first.at(-1)?.number ?? 0 }))).toEqual(['a']);
      expect(texts(await store.reasonsOfApp(asAppId('/none'), { limit: 3 }))).toEqual([]);
    });

    it('are forgotten after a week when their instance is gone, and kept as long as it exists', async () => {
      const longAgo = { at: 1_000, what: 'launched' } as const;
      const gone = { ...longAgo, taskId: asTaskId('web.gone') };
      const there = { ...longAgo, taskId: asTaskId('web.there') };
      await write(
        { kind: 'put-instance', instance: anInstance('there') },
        add(aReason('there', 'old', there)),
        add(aReason('gone', 'old', gone)),
        add(aReason('gone', 'new', { at: 9_000_000_000_000 })),
      );
      await store.trimEvents?.();
      expect([await of('there'), await of('gone')]).toEqual([['old'], ['new']]);
      expect(await store.instanceOfTask(asTaskId('web.there'))).toBe('there');
      expect(await store.instanceOfTask(asTaskId('web.gone'))).toBeNull();
    });

    it('of one instance are the newest ones and the first one', async () => {
      const numbered = Array.from({ length: REASONS_PER_INSTANCE + 5 }, (_, index) => `${index}`);
      await write(
        { kind: 'put-instance', instance: anInstance('busy') },
        ...numbered.map((text) => add(aReason('busy', text))),
        ...numbered.slice(0, REASONS_PER_INSTANCE + 1).map((text) => add(aReason('calm', text))),
        { kind: 'put-instance', instance: anInstance('calm') },
      );
      await store.trimEvents?.();
      expect(await of('busy')).toEqual([...numbered.slice(-REASONS_PER_INSTANCE).reverse(), '0']);
      expect(await of('calm')).toHaveLength(REASONS_PER_INSTANCE + 1);
    });
  });
}
