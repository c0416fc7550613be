// Two processes under one id of a proxy: one after the other (a restart), and side by side (a copied data folder).
import { describe, expect, it } from '@jest/globals';
import type { ProxyReport } from '#libs/agent-protocol';
import { asProxyId, type ProxyNode } from '#libs/model';
import { ProxyRuns } from './proxy-runs.js';
import { ScriptedCluster } from './scripted-cluster.js';

const ID = asProxyId('p');
const APP = { id: '/web', cmd: 'serve', portDefinitions: [{ port: 0 }] };

type Report = (run: string, number: number, more?: Partial<ProxyReport>) => Promise<ProxyNode | undefined>;

async function started(): Promise<{
  readonly cluster: ScriptedCluster;
  readonly newest: number;
  readonly of: Report;
}> {
  const cluster = await ScriptedCluster.serving(APP);
  const { core } = cluster;
  const { epoch, tableNumber: newest } = core.state;
  expect(newest).toBeGreaterThan(0);
  const of: Report = async (run, number, more = {}) => {
    await core.proxies.report(ID, {
      ...{ cluster: null, address: `host-${run}:8000`, run, epoch, confirmed: { epoch, number } },
      ...{ inFlight: {}, warnings: [], leaving: false, ...more },
    });
    return core.state.proxies.get(ID);
  };
  return { cluster, newest, of };
}

/** `a` and its copy `b`, which is refused; b has not confirmed the newest table. */
async function twins(of: Report, newest: number): Promise<void> {
  await of('a', newest);
  await of('b', newest - 1);
  await of('a', newest);
  await of('a', newest);
  await expect(of('b', newest - 1)).rejects.toMatchObject({ code: 'conflict' });
}

function proxyOf(cluster: ScriptedCluster): ProxyNode {
  const found = cluster.core.state.proxies.get(ID);
  if (!found) throw new Error('gone');
  return found;
}

describe('runs of a proxy', () => {
  it('count no more confirmed than each of them says, for as long as the lease of the one before lasts', async () => {
    const { cluster, newest, of } = await started();
    await of('a', newest - 1, { inFlight: { t1: 2, t2: 1 } });
    const after = await of('b', newest, { inFlight: { t1: 1 } });
    expect(after?.confirmed.number).toBe(newest - 1);
    expect(after?.inFlight).toEqual({ t1: 3, t2: 1 });
    await cluster.advance(10_000);
    const alone = await of('b', newest, { inFlight: { t1: 1 } });
    expect(alone?.confirmed.number).toBe(newest);
    expect(alone?.inFlight).toEqual({ t1: 1 });
  });

  it('are no copies of each other when a report of the killed one comes late', async () => {
    const { newest, of } = await started();
    await of('a', newest);
    await of('b', newest);
    await of('a', newest);
    await expect(of('b', newest)).resolves.toMatchObject({ address: 'host-b:8000' });
  });

  it('side by side: the younger one is refused and told why, until the older one has gone', async () => {
    const { cluster, newest, of } = await started();
    await of('a', newest - 1);
    await of('b', newest);
    await of('a', newest - 1);
    await of('a', newest - 1);
    await expect(of('b', newest)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(
        /p: this one, host-b:8000, .* before it, host-a:8000\. .*delete identity\.json/,
      ) as unknown,
    });
    expect(cluster.core.state.proxies.get(ID)).toMatchObject({
      address: 'host-a:8000',
      confirmed: { number: newest - 1 },
    });
    await of('a', newest, { leaving: true });
    expect((await of('b', newest))?.confirmed.number).toBe(newest);
  });

  it('side by side: the younger one stays refused beyond its lease, and its last lease alone holds stops back', async () => {
    const { cluster, newest, of } = await started();
    await twins(of, newest);
    for (let seconds = 0; seconds < 60; seconds += 3) {
      await cluster.advance(3_000);
      await of('a', newest);
      await expect(of('b', newest - 1)).rejects.toThrow(/this one, host-b:8000, .* before it, host-a:8000\./);
      const { confirmed, address } = proxyOf(cluster);
      expect(address).toBe('host-a:8000');
      expect(confirmed.number).toBe(seconds + 3 < 10 ? newest - 1 : newest);
    }
    // a start of it anew is another run, and the message names the one that lives, not the one that it was
    await of('b2', newest, { address: 'host-b:8000' });
    await of('a', newest);
    await of('a', newest);
    await expect(of('b2', newest, { address: 'host-b:8000' })).rejects.toThrow(/before it, host-a:8000\./);
  });

  it.each([['once'], ['when it was refused already']])(
    'side by side: a copy that starts anew within its lease hears of the one that lives, not of itself (%s)',
    async (when) => {
      const { newest, of } = await started();
      if (when === 'once') await of('a', newest).then(() => of('b', newest));
      else await twins(of, newest);
      await of('b2', newest, { address: 'host-b:8000' });
      await of('a', newest);
      await of('a', newest);
      await expect(of('b2', newest, { address: 'host-b:8000' })).rejects.toThrow(
        'this one, host-b:8000, and one that was there before it, host-a:8000.',
      );
    },
  );

  it('side by side: their hosts are named where they say them', async () => {
    const { newest, of } = await started();
    const on = (host: string): Partial<ProxyReport> => ({
      address: '127.0.0.1:8000',
      about: { engine: 'builtin', host },
    });
    for (const run of ['a', 'b', 'a', 'a']) await of(run, newest, on(`host-${run}`));
    await expect(of('b', newest, on('host-b'))).rejects.toThrow(
      'this one, 127.0.0.1:8000 on host-b, and one that was there before it, 127.0.0.1:8000 on host-a.',
    );
  });

  it('side by side: what the refused one confirms within its last lease need not be waited for any more', async () => {
    const { cluster, newest, of } = await started();
    await twins(of, newest);
    await expect(of('b', newest)).rejects.toMatchObject({ code: 'conflict' });
    await of('a', newest);
    expect(proxyOf(cluster).confirmed.number).toBe(newest);
  });

  it('side by side: the older one may start anew; the younger one is taken in when its lease is over', async () => {
    const { cluster, newest, of } = await started();
    await twins(of, newest);
    await cluster.advance(8_000);
    expect(await of('a2', newest, { address: 'host-a:9000' })).toMatchObject({ address: 'host-a:9000' });
    await cluster.advance(9_000);
    await expect(of('b', newest)).rejects.toThrow(/this one, host-b:8000, .* before it, host-a:9000\./);
    expect(await of('a2', newest, { address: 'host-a:9000' })).toMatchObject({ address: 'host-a:9000' });
    await cluster.advance(9_000);
    await expect(of('b', newest)).rejects.toMatchObject({ code: 'conflict' });
    await cluster.advance(1_000);
    expect(await of('b', newest)).toMatchObject({ address: 'host-b:8000', confirmed: { number: newest } });
    await of('b', newest);
    // now it is the older one
    await of('a3', newest, { address: 'host-a:9000' });
    await of('b', newest);
    await of('b', newest);
    await expect(of('a3', newest, { address: 'host-a:9000' })).rejects.toThrow(/before it, host-b:8000\./);
  });

  it('side by side: one that leaves takes its lease and its address with it', async () => {
    const { cluster, newest, of } = await started();
    await twins(of, newest);
    expect(await of('b', newest - 1, { leaving: true })).toMatchObject({
      address: 'host-a:8000',
      confirmed: { number: newest },
    });
    await of('b2', newest, { address: 'host-b:8000' });
    await cluster.advance(2_000);
    const { leaseUntil } = proxyOf(cluster);
    expect(await of('a', newest, { leaving: true })).toMatchObject({ address: 'host-b:8000', leaseUntil });
    expect(await of('b2', newest, { address: 'host-b:8000', leaving: true })).toBeUndefined();
  });

  it('side by side: a leader that hears the younger one first takes the one that was taken before', () => {
    const runs = new ProxyRuns();
    const report = (run: string): ProxyReport => ({
      ...{ cluster: null, address: `host-${run}:8000`, run, epoch: 1, confirmed: { epoch: 1, number: 1 } },
      ...{ inFlight: {}, warnings: [], leaving: false },
    });
    runs.startAnew([{ id: ID, address: 'host-a:8000' }], 0);
    for (const run of ['b', 'a', 'b', 'a', 'b', 'a']) runs.note(ID, report(run), 1);
    expect(runs.standing(ID, report('a'), 2)?.shown.address).toBe('host-a:8000');
    expect(() => runs.standing(ID, report('b'), 2)).toThrow(
      /this one, host-b:8000, .* before it, host-a:8000/,
    );
  });

  it('of many refused ones those that were silent for longest are forgotten', async () => {
    const { cluster, newest, of } = await started();
    await of('a', newest);
    const names = Array.from({ length: 20 }, (_, index) => `b${index}`);
    for (const name of names) await of(name, newest);
    await of('a', newest);
    await of('a', newest);
    for (const name of names) await expect(of(name, newest)).rejects.toMatchObject({ code: 'conflict' });
    await cluster.advance(9_000);
    await of('a', newest);
    await cluster.advance(2_000);
    const taken = await Promise.allSettled(names.map((name) => of(name, newest)));
    expect(taken.filter(({ status }) => status === 'rejected')).toHaveLength(16);
    expect(taken.slice(4).every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('leave one by one: the proxy is gone with the last of them', async () => {
    const { newest, of } = await started();
    await of('a', newest);
    await of('b', newest - 1);
    expect((await of('a', newest, { leaving: true }))?.confirmed.number).toBe(newest - 1);
    expect(await of('b', newest, { leaving: true })).toBeUndefined();
  });

  it('of a release that names none are taken as they come', async () => {
    const { cluster } = await started();
    const { epoch, tableNumber } = cluster.core.state;
    const plain = { cluster: null, address: 'x', epoch, inFlight: {}, warnings: [], leaving: false };
    for (const number of [tableNumber - 1, tableNumber])
      await cluster.core.proxies.report(ID, { ...plain, confirmed: { epoch, number } });
    expect(cluster.core.state.proxies.get(ID)?.confirmed.number).toBe(tableNumber);
  });
});
