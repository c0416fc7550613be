// A leader that stood still, or whose store is slow, has not read what proxies said meanwhile: their leases are not over for that.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, asProxyId, type Instance } from '#libs/model';
import { idle } from './fixtures/idle.js';
import { RENEW_MS } from './leadership.js';
import { ScriptedCluster } from './scripted-cluster.js';

const ID = asProxyId('p');
const WEB = asAppId('/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const APP = { cmd: 'serve', instances: 1, portDefinitions: [{ port: 0 }], cpus: 0.1, mem: 32 };

let cluster: ScriptedCluster;
let campaignedAt = 0;
beforeEach(async () => {
  cluster = await ScriptedCluster.started();
  const campaign = cluster.store.campaign.bind(cluster.store);
  cluster.store.campaign = (...asked) => {
    campaignedAt = cluster.clock.now();
    return campaign(...asked);
  };
  await cluster.agent.connect();
  await confirm();
  await cluster.core.apps.create({ id: WEB, ...APP }, false, CALL);
  await cluster.advance(2_000);
  await confirm();
});

/** The proxy says that it has the table of this moment. */
const confirm = async (number = cluster.core.state.tableNumber): Promise<void> => {
  const { epoch } = cluster.core.state;
  await cluster.core.proxies.report(ID, {
    ...{ cluster: null, address: 'host-p:8000', run: 'r1', epoch, confirmed: { epoch, number } },
    ...{ inFlight: {}, warnings: [], leaving: false },
  });
};
const instance = (): Instance | undefined => cluster.core.state.instancesOf(WEB)[0];
const stopAll = (): Promise<unknown> =>
  cluster.core.apps.update(WEB, { instances: 0 }, { force: true, partial: true, mayCreate: false }, CALL);

/** It has left a table that the proxy has not confirmed; the office has just been renewed, the proxy was heard so many ms ago. */
async function unrouting(heardMsAgo: number): Promise<number> {
  const number = cluster.core.state.tableNumber;
  await stopAll();
  await cluster.settle();
  await untilCampaign(() => confirm(number));
  // the next campaign is one interval away
  await cluster.advance(RENEW_MS - heardMsAgo);
  await confirm(number);
  await untilCampaign();
  expect(instance()?.stop?.phase).toBe('unrouting');
  return number;
}

async function untilCampaign(each: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  for (const before = campaignedAt; campaignedAt === before;) {
    await cluster.advance(100);
    await each();
  }
}

describe('a stop that waits for the word of a proxy', () => {
  it('goes on to wait when the leader stood still until the lease was over, and keeps its office', async () => {
    const number = await unrouting(2_500);
    cluster.clock.standStill(8_500);
    await cluster.settle();
    expect(cluster.officesLost).toBe(0);
    expect(instance()?.stop?.phase).toBe('unrouting');
    // the report that waited
    await confirm(number);
    await cluster.advance(5_000);
    expect(instance()?.stop?.phase).toBe('unrouting');
    await confirm();
    await cluster.advance(1_000);
    expect(instance()).toBeUndefined();
  });

  it('ends a lease after the standstill when the proxy says nothing more', async () => {
    await unrouting(2_500);
    cluster.clock.standStill(8_500);
    await cluster.advance(9_000);
    expect(instance()?.stop?.phase).toBe('unrouting');
    await cluster.advance(2_000);
    expect(instance()).toBeUndefined();
  });

  it('knows of a report that stands in the lane behind a slow commit and the decision itself', async () => {
    const number = await unrouting(500);
    const release = holdCommits();
    const created = cluster.core.apps.create({ id: '/slow', ...APP }, false, CALL);
    await idle();
    cluster.core.loop.mark([WEB]);
    await idle();
    const reports: Promise<void>[] = [];
    for (let passed = 0; passed < 12_000; passed += 3_000) {
      cluster.clock.advance(3_000);
      cluster.agent.beat();
      reports.push(confirm(number));
      await idle();
    }
    release();
    await created;
    await Promise.all(reports);
    await cluster.settle();
    expect(instance()?.stop?.phase).toBe('unrouting');
    await confirm();
    await cluster.advance(1_000);
    expect(instance()).toBeUndefined();
  });
});

function holdCommits(): () => void {
  let goOn = (): void => undefined;
  const opened = new Promise<void>((resolve) => (goOn = resolve));
  const commit = cluster.store.commit.bind(cluster.store);
  cluster.store.commit = async (each) => {
    await opened;
    return commit(each);
  };
  return goOn;
}
