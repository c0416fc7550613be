// A proxy that has asked for tables and has not reported yet routes by what it is sent: stops wait for it.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RoutesLine } from '#libs/agent-protocol';
import { asAppId, asProxyId, type Instance, type ProxyNode } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { Commit } from '#libs/store';
import { ScriptedCluster } from './scripted-cluster.js';
import { RouteSubscription } from './sessions/route-subscription.js';

const ID = asProxyId('p');
const WEB = asAppId('/web');
const ASKER = { proxy: ID, run: 'r1', address: 'host-p:8000' };
const APP = { id: '/web', cmd: 'serve', instances: 1, portDefinitions: [{ port: 0 }] };
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const LEASE_MS = 10_000;

let cluster: ScriptedCluster;
let lines: RoutesLine<RouteTable>[];
beforeEach(async () => {
  cluster = await ScriptedCluster.serving(APP);
  lines = [];
});

const known = (): { epoch: number; number: number } => {
  const { epoch, tableNumber } = cluster.core.state;
  return { epoch, number: tableNumber };
};
const ask = (asker: Partial<typeof ASKER> = {}, has = known()): Promise<void> =>
  cluster.core.proxies.ask({ ...ASKER, ...asker }, has);
const follow = async (asker: typeof ASKER | null, has = { epoch: 0, number: -1 }): Promise<void> => {
  const outlet = { needsDrain: false, write: (line: RoutesLine<RouteTable>) => lines.push(line) > 0 };
  await RouteSubscription.open(cluster.core, asker, has, outlet);
};
async function report(
  confirmed: number,
  inFlight: Readonly<Record<string, number>> = {},
  more: { run?: string; leaving?: boolean } = {},
): Promise<ProxyNode | undefined> {
  const { epoch } = cluster.core.state;
  await cluster.core.proxies.report(ID, {
    ...{ cluster: null, address: 'host-p:8000', run: 'r1', epoch, confirmed: { epoch, number: confirmed } },
    ...{ inFlight, warnings: [], leaving: false, ...more },
  });
  await cluster.settle();
  return proxyOf();
}
const proxyOf = (): ProxyNode | undefined => cluster.core.state.proxies.get(ID);
const instance = (): Instance | undefined => [...cluster.core.state.instances()][0];
const phase = (): string | undefined => instance()?.stop?.phase;
const targets = (): number[] =>
  lines.flatMap((line) =>
    line.type === 'table' ? [line.table.services.reduce((sum, each) => sum + each.targets.length, 0)] : [],
  );
const stopAll = (): Promise<unknown> =>
  cluster.core.apps.update(WEB, { instances: 0 }, { force: true, partial: true, mayCreate: false }, CALL);
/** So many commits wrote this proxy since. */
function countCommits(): () => number {
  let count = 0;
  wrapCommits(({ writes }) => {
    if (writes.some((each) => each.kind === 'put-proxy' && each.proxy.id === ID)) count += 1;
  });
  return () => count;
}
/** Commits that tell an agent to stop something wait until this is called. */
function holdStops(): () => void {
  let goOn = (): void => undefined;
  const opened = new Promise<void>((resolve) => (goOn = resolve));
  wrapCommits(({ writes }) =>
    writes.some((each) => each.kind === 'put-instance' && each.instance.stop?.phase === 'killing')
      ? opened
      : undefined,
  );
  return goOn;
}
function wrapCommits(before: (commit: Commit) => Promise<void> | void): void {
  const commit = cluster.store.commit.bind(cluster.store);
  cluster.store.commit = async (each) => {
    await before(each);
    return commit(each);
  };
}

describe('a proxy that asks for tables', () => {
  it('is waited for before its first report: until it has confirmed, and its requests have ended', async () => {
    await follow(ASKER);
    expect(targets()).toEqual([1]);
    await stopAll();
    await cluster.advance(5_000);
    expect(phase()).toBe('unrouting');
    expect(targets().at(-1)).toBe(0);
    const task = String(instance()?.taskId);
    await report(known().number, { [task]: 1 });
    expect(phase()).toBe('draining');
    await report(known().number);
    expect(instance()).toBeUndefined();
  });

  it('is waited for no longer than a lease when nothing more comes of it', async () => {
    await follow(ASKER);
    await stopAll();
    await cluster.advance(LEASE_MS - 1_000);
    expect(phase()).toBe('unrouting');
    await cluster.advance(1_500);
    expect(instance()).toBeUndefined();
  });

  it('is not waited for when it does not say who it is', async () => {
    await follow(null);
    expect(targets()).toEqual([1]);
    expect(proxyOf()).toBeUndefined();
    await stopAll();
    await cluster.advance(1_000);
    expect(instance()).toBeUndefined();
  });

  it('is stored before it gets a table, so that the next leader waits for it as well', async () => {
    await follow(ASKER);
    expect((await cluster.store.load()).proxies).toMatchObject([
      { id: 'proxy-1' },
      { id: ID, address: 'host-p:8000' },
    ]);
  });

  it('gets its lease anew with each question, without a commit while it lasts', async () => {
    await report(known().number);
    await cluster.advance(4_000);
    const commits = countCommits();
    await ask();
    expect(proxyOf()?.leaseUntil).toBe(cluster.clock.now() + LEASE_MS);
    expect(proxyOf()?.isUnheard).toBeUndefined();
    expect(commits()).toBe(0);
    await cluster.advance(LEASE_MS + 500);
    await ask();
    expect(commits()).toBe(1);
    // what was in flight is of another time
    expect(proxyOf()).toMatchObject({ isUnheard: true, leaseUntil: cluster.clock.now() + LEASE_MS });
    expect((await report(known().number))?.isUnheard).toBeUndefined();
  });

  it('takes nothing back that it has reported: the question may have been on its way for long', async () => {
    const { number } = known();
    await ask({}, { ...known(), number: number - 1 });
    expect(proxyOf()?.confirmed.number).toBe(number - 1);
    await report(number);
    await ask({}, { ...known(), number: number - 1 });
    expect(proxyOf()?.confirmed.number).toBe(number);
  });

  it.each([-1, Number.MAX_SAFE_INTEGER, 0.5])(
    'confirms nothing by table %p, which this control plane never had',
    async (number) => {
      await ask({}, { ...known(), number });
      expect(proxyOf()?.confirmed.number).toBe(0);
    },
  );

  it('is one more process of a proxy that is there: what the other one confirms and has in flight still counts', async () => {
    await report(known().number, { t: 2 });
    await ask({ run: 'r2' }, { epoch: 0, number: 0 });
    expect(proxyOf()).toMatchObject({ confirmed: { number: 0 }, inFlight: { t: 2 }, isUnheard: true });
    // the older one speaks for itself alone
    expect(await report(known().number, { t: 1 })).toMatchObject({
      ...{ confirmed: { number: 0 }, inFlight: { t: 1 }, isUnheard: true },
    });
    expect((await report(known().number, {}, { run: 'r2' }))?.confirmed.number).toBe(known().number);
  });

  it('is no copy of the one before it, whose last report comes late', async () => {
    await report(known().number);
    await ask({ run: 'r2' });
    await report(known().number);
    await expect(report(known().number, {}, { run: 'r2' })).resolves.toBeDefined();
  });

  it('gets no lease, but its tables, when it is refused as a copy of another', async () => {
    const { number } = known();
    for (const run of ['r1', 'copy', 'r1', 'r1']) await report(number, {}, { run });
    await expect(report(number, {}, { run: 'copy' })).rejects.toMatchObject({ code: 'conflict' });
    await cluster.advance(LEASE_MS - 1_000);
    await report(number);
    await cluster.advance(2_000);
    await follow({ ...ASKER, run: 'copy' });
    expect(targets()).toEqual([1]);
    expect(proxyOf()?.confirmed.number).toBe(number);
    expect(proxyOf()?.isUnheard).toBeUndefined();
  });

  it('does not come back by what it sent before it left', async () => {
    await report(known().number);
    expect(await report(known().number, {}, { leaving: true })).toBeUndefined();
    await follow(ASKER);
    await expect(report(known().number)).rejects.toThrow('has left');
    expect(proxyOf()).toBeUndefined();
    await ask({ run: 'r2' });
    expect(proxyOf()).toBeDefined();
  });
});

describe('a leader that is asked for tables', () => {
  it('sends none that was made before a decision under way, which did not wait for this proxy', async () => {
    // nobody but the one that asks
    cluster = await ScriptedCluster.started();
    await cluster.agent.connect();
    await cluster.core.apps.create(APP, false, CALL);
    await cluster.advance(2_000);
    const goOn = holdStops();
    await stopAll();
    await cluster.settle();
    expect(phase()).toBeUndefined();
    const asked = follow(ASKER);
    await cluster.settle();
    expect(lines).toEqual([]);
    goOn();
    await asked;
    expect(targets()).toEqual([0]);
  });

  it('sends none when it leads no more without knowing it', async () => {
    cluster.store.commit = () => Promise.resolve({ kind: 'fenced', epoch: 2 });
    await expect(follow(ASKER)).rejects.toMatchObject({ code: 'not-leading' });
    expect(lines).toEqual([]);
  });

  it('sends none while the store is away', async () => {
    cluster.store.setReachable(false);
    await cluster.advance(4_000);
    expect(cluster.core.leads).toBe(false);
    await expect(follow(ASKER)).rejects.toMatchObject({ code: 'storage-unavailable' });
    await expect(follow(null)).resolves.toBeUndefined();
  });

  it('sends none to a proxy that has seen a later leader', async () => {
    const later = { ...known(), epoch: known().epoch + 1 };
    await expect(follow(ASKER, later)).rejects.toMatchObject({ code: 'conflict' });
    expect(proxyOf()).toBeUndefined();
  });
});
