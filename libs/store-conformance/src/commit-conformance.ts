// What a commit does to rows: order of writes, guards, the two halves of an instance, port claims, whole roundtrips.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asAgentId, asAppId, asDeploymentId, asInstanceId, asProxyId } from '#libs/model';
import type { Guard, Store, StoredState, Write } from '#libs/store';
import type { StoreBench } from './bench.js';
import {
  aDeployment,
  aGroup,
  anAgent,
  anApp,
  anEvent,
  anInstance,
  aProxy,
  aStatus,
  aVersion,
} from './rows.js';

export function commitConformance(newBench: () => Promise<StoreBench>): void {
  describe('commit', () => {
    let bench: StoreBench;
    let store: Store;
    const commit = (writes: readonly Write[], guards: readonly Guard[] = []) =>
      store.commit({ epoch: 1, guards, writes, events: [] });
    const written = async (...writes: readonly Write[]): Promise<StoredState> => {
      expect(await commit(writes)).toEqual({ kind: 'committed', events: [] });
      return store.load();
    };
    beforeEach(async () => {
      bench = await newBench();
      store = await bench.open();
      await store.campaign('a', 'a:8080', 600_000);
    });
    afterEach(() => bench.close());

    it('gives back exactly what was written, through another handle too', async () => {
      const instance = anInstance('web.instance-1', { hostPorts: [31_000, 31_001] });
      const status = aStatus('web.instance-1');
      const written: Write[] = [
        { kind: 'put-app', app: anApp('/web', 7, 2) },
        { kind: 'put-group', group: aGroup('/') },
        { kind: 'add-version', version: aVersion('/web', 1) },
        { kind: 'add-version', version: aVersion('/web', 2) },
        { kind: 'put-deployment', deployment: aDeployment('d-1') },
        { kind: 'put-instance', instance },
        { kind: 'put-status', id: instance.id, status },
        { kind: 'put-agent', agent: anAgent('agent-1') },
        { kind: 'put-proxy', proxy: aProxy('proxy-1') },
        { kind: 'set-table-number', number: 4 },
      ];
      const events = [anEvent('one'), anEvent('two \u0000')];
      const result = await store.commit({ epoch: 1, guards: [], writes: written, events });
      expect(result).toEqual({
        kind: 'committed',
        events: events.map((each, index) => ({ ...each, number: index + 1 })),
      });
      const expected: StoredState = {
        apps: [anApp('/web', 7, 2)],
        groups: [aGroup('/')],
        versions: [aVersion('/web', 1)],
        instances: [{ ...instance, status }],
        deployments: [aDeployment('d-1')],
        agents: [anAgent('agent-1')],
        proxies: [aProxy('proxy-1')],
        tableNumber: 4,
        eventNumber: 2,
        lastVersion: aVersion('/web', 2).version,
      };
      expect(await (await bench.open()).load()).toEqual(expected);
    });

    it('does an empty commit, which still proves leadership', async () => {
      expect(await commit([])).toEqual({ kind: 'committed', events: [] });
    });

    it('applies writes in their order', async () => {
      const id = asInstanceId('i');
      const state = await written(
        { kind: 'put-app', app: anApp('/web', 1) },
        { kind: 'put-app', app: anApp('/web', 2) },
        { kind: 'put-app', app: anApp('/gone', 1) },
        { kind: 'remove-app', id: asAppId('/gone') },
        { kind: 'put-instance', instance: anInstance('i', { goalRevision: 1 }) },
        { kind: 'put-status', id, status: aStatus('i', 1) },
        { kind: 'put-status', id, status: aStatus('i', 2) },
        { kind: 'put-instance', instance: anInstance('i', { goalRevision: 2 }) },
        { kind: 'put-agent', agent: anAgent('agent-1') },
        { kind: 'remove-agent', id: asAgentId('agent-1') },
        { kind: 'remove-proxy', id: asProxyId('proxy-1') },
        { kind: 'put-proxy', proxy: aProxy('proxy-1') },
        { kind: 'set-table-number', number: 1 },
        { kind: 'set-table-number', number: 2 },
      );
      expect(state.apps.map((app) => app.revision)).toEqual([2]);
      expect(state.instances).toEqual([anInstance('i', { goalRevision: 2, status: aStatus('i', 2) })]);
      expect(state).toMatchObject({ agents: [], proxies: [aProxy('proxy-1')], tableNumber: 2 });
    });

    it('starts an instance anew, without the old report, when it is removed and put in one commit', async () => {
      const id = asInstanceId('i');
      await written(
        { kind: 'put-instance', instance: anInstance('i') },
        { kind: 'put-status', id, status: aStatus('i') },
      );
      const state = await written(
        { kind: 'remove-instance', id },
        { kind: 'put-instance', instance: anInstance('i', { goalRevision: 5 }) },
      );
      expect(state.instances).toEqual([anInstance('i', { goalRevision: 5 })]);
    });

    it('keeps report and goal apart: neither write disturbs the other half', async () => {
      const id = asInstanceId('i');
      await written({ kind: 'put-instance', instance: anInstance('i') });
      await written({ kind: 'put-status', id, status: aStatus('i', 1) });
      const goal = anInstance('i', { goalRevision: 2, goal: 'stopped', status: aStatus('i', 99) });
      const afterGoal = await written({ kind: 'put-instance', instance: goal });
      expect(afterGoal.instances).toEqual([{ ...goal, status: aStatus('i', 1) }]);
      const afterStatus = await written({ kind: 'put-status', id, status: aStatus('i', 2) });
      expect(afterStatus.instances).toEqual([{ ...goal, status: aStatus('i', 2) }]);
    });

    it('ignores the status of an instance that is not there', async () => {
      const state = await written(
        { kind: 'put-status', id: asInstanceId('nobody'), status: aStatus('nobody') },
        { kind: 'put-instance', instance: anInstance('late') },
        { kind: 'remove-instance', id: asInstanceId('late') },
        { kind: 'put-status', id: asInstanceId('late'), status: aStatus('late') },
      );
      expect(state.instances).toEqual([]);
    });

    it('takes guards on rows that are and rows that are not there', async () => {
      await written(
        { kind: 'put-app', app: anApp('/web', 3) },
        { kind: 'put-instance', instance: anInstance('i') },
      );
      const guards: Guard[] = [
        { kind: 'app', id: asAppId('/web'), revision: 3 },
        { kind: 'app', id: asAppId('/new'), revision: null },
        { kind: 'instance', id: asInstanceId('i'), goalRevision: 1 },
        { kind: 'deployment', id: asDeploymentId('d'), revision: null },
      ];
      expect((await commit([{ kind: 'put-app', app: anApp('/new') }], guards)).kind).toBe('committed');
    });

    it.each<Guard>([
      { kind: 'app', id: asAppId('/web'), revision: 2 },
      { kind: 'app', id: asAppId('/web'), revision: null },
      { kind: 'app', id: asAppId('/none'), revision: 1 },
      { kind: 'group', id: asAppId('/shop'), revision: 2 },
      { kind: 'group', id: asAppId('/shop'), revision: null },
      { kind: 'group', id: asAppId('/none'), revision: 1 },
      { kind: 'deployment', id: asDeploymentId('d-1'), revision: 8 },
      { kind: 'instance', id: asInstanceId('i'), goalRevision: 0 },
    ])('names the guard that does not hold and writes nothing: %j', async (guard) => {
      const before = await written(
        { kind: 'put-app', app: anApp('/web', 3) },
        { kind: 'put-group', group: aGroup('/shop') },
        { kind: 'put-deployment', deployment: aDeployment('d-1') },
        { kind: 'put-instance', instance: anInstance('i') },
      );
      const holds: Guard = { kind: 'app', id: asAppId('/web'), revision: 3 };
      const writes: Write[] = [
        { kind: 'put-app', app: anApp('/web', 4) },
        { kind: 'remove-instance', id: asInstanceId('i') },
      ];
      const result = await store.commit({
        epoch: 1,
        guards: [holds, guard],
        writes,
        events: [anEvent('no')],
      });
      expect(result).toEqual({ kind: 'conflict', guard });
      expect(await store.load()).toEqual(before);
    });

    it('does not let reports fail a guard', async () => {
      await written({ kind: 'put-instance', instance: anInstance('i') });
      await written({ kind: 'put-status', id: asInstanceId('i'), status: aStatus('i') });
      const guard: Guard = { kind: 'instance', id: asInstanceId('i'), goalRevision: 1 };
      expect((await commit([], [guard])).kind).toBe('committed');
    });

    it('lets one of two commits with the same guard win', async () => {
      await written({ kind: 'put-app', app: anApp('/web', 1) });
      const [one, two] = [await bench.open(), await bench.open()];
      const guards: Guard[] = [{ kind: 'app', id: asAppId('/web'), revision: 1 }];
      const writes: Write[] = [{ kind: 'put-app', app: anApp('/web', 2) }];
      const results = await Promise.all(
        [one, two].map((each) => each.commit({ epoch: 1, guards, writes, events: [] })),
      );
      expect(results.map((result) => result.kind).sort()).toEqual(['committed', 'conflict']);
    });

    it('refuses a second owner of a host port on one agent, and writes nothing', async () => {
      const before = await written({
        kind: 'put-instance',
        instance: anInstance('i', { hostPorts: [31_000] }),
      });
      const intruder = anInstance('j', { hostPorts: [31_001, 31_000], goalRevision: 6 });
      const writes: Write[] = [{ kind: 'put-instance', instance: intruder }];
      const result = await store.commit({ epoch: 1, guards: [], writes, events: [anEvent('no')] });
      expect(result).toMatchObject({
        kind: 'conflict',
        guard: { kind: 'instance', id: intruder.id, goalRevision: 6 },
        reason: expect.stringContaining('host port'),
      });
      expect(await store.load()).toEqual(before);
    });

    it('refuses two new owners of a host port in one commit', async () => {
      const puts = ['i', 'j'].map((id): Write => ({
        kind: 'put-instance',
        instance: anInstance(id, { hostPorts: [31_000] }),
      }));
      expect((await commit(puts)).kind).toBe('conflict');
    });

    it('frees a host port with placement, removal or move, and counts only the state after the commit', async () => {
      const put = (id: string, more: Parameters<typeof anInstance>[1]): Write => ({
        kind: 'put-instance',
        instance: anInstance(id, { hostPorts: [31_000, 31_000], ...more }),
      });
      await written(
        put('i', {}),
        put('other-agent', { agentId: asAgentId('agent-2') }),
        put('waiting', { placed: false }),
      );
      await written(put('i', { placed: false }), put('j', {}));
      await written(put('k', {}), { kind: 'remove-instance', id: asInstanceId('j') });
      await written(put('l', {}), put('k', { hostPorts: [31_002] }));
      expect((await commit([put('m', {})])).kind).toBe('conflict');
    });

    it('takes a thousand rows of a kind in one commit', async () => {
      const ids = Array.from({ length: 1000 }, (_, index) => `i-${index}`);
      await written(
        ...ids.map((id, index): Write => ({
          kind: 'put-instance',
          instance: anInstance(id, { hostPorts: [31_000 + index] }),
        })),
      );
      const state = await written(
        ...ids.map((id): Write => ({ kind: 'put-status', id: asInstanceId(id), status: aStatus(id) })),
      );
      expect(state.instances.filter((each) => each.status !== undefined)).toHaveLength(1000);
    });
  });
}
