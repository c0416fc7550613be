// Two processes under one id of a proxy: one after the other (a restart), and side by side (a copied data folder).
import { describe, expect, it } from '@jest/globals';
import type { ProxyReport } from '#libs/agent-protocol';
import { asProxyId, type ProxyNode } from '#libs/model';
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
