import { beforeEach, describe, expect, it } from '@jest/globals';
import { ROUTES_HEARTBEAT_MS, type RoutesLine } from '#libs/agent-protocol';
import { asAppId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import { ScriptedCluster } from '../scripted-cluster.js';
import { RouteSubscription, type RouteOutlet } from './route-subscription.js';

class WrittenOutlet implements RouteOutlet {
  needsDrain = false;
  readonly lines: RoutesLine<RouteTable>[] = [];

  write(line: RoutesLine<RouteTable>): boolean {
    this.lines.push(line);
    return !this.needsDrain;
  }
  types(): string[] {
    return this.lines.map(({ type }) => type);
  }
}

const NOTHING = { epoch: 0, number: -1 };
let cluster: ScriptedCluster;
let outlet: WrittenOutlet;
beforeEach(async () => {
  cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  outlet = new WrittenOutlet();
});

const known = (): { epoch: number; number: number } => {
  const { epoch, tableNumber } = cluster.core.state;
  return { epoch, number: tableNumber };
};
/** Each app moves the number twice: once it is there, once its task accepts. */
async function addApp(name: string): Promise<void> {
  const portDefinitions = [{ port: 0, protocol: 'tcp' }];
  await cluster.core.apps.create({ id: asAppId(`/${name}`), cmd: 'serve', portDefinitions }, false, {
    clientIp: '10.0.0.9',
    uri: '/v2/apps',
  });
  await cluster.advance(1_500);
}
const tables = (): number[] =>
  outlet.lines.flatMap((line) => (line.type === 'table' ? [line.table.number] : []));

describe('a proxy that asks for routes', () => {
  it('gets the table and a heartbeat at once', () => {
    new RouteSubscription(cluster.core, NOTHING, outlet);
    expect(outlet.types()).toEqual(['table', 'heartbeat']);
    expect(outlet.lines[1]).toEqual({ type: 'heartbeat', ...known() });
  });

  it('gets no table that it has', () => {
    new RouteSubscription(cluster.core, known(), outlet);
    expect(outlet.types()).toEqual(['heartbeat']);
  });

  it('gets a table of the same number that another epoch has made', () => {
    new RouteSubscription(cluster.core, { ...known(), epoch: 0 }, outlet);
    expect(outlet.types()).toEqual(['table', 'heartbeat']);
  });

  it('is refused, without a line, when it has seen a higher epoch', () => {
    const later = { epoch: cluster.core.state.epoch + 1, number: 0 };
    expect(() => new RouteSubscription(cluster.core, later, outlet)).toThrow(
      `This proxy has seen epoch ${later.epoch}, this control plane has ${later.epoch - 1}.`,
    );
    expect(outlet.lines).toEqual([]);
  });

  it('is refused by one that does not lead', async () => {
    await cluster.core.stop();
    expect(() => new RouteSubscription(cluster.core, NOTHING, outlet)).toThrow('does not lead');
    expect(outlet.lines).toEqual([]);
  });
});

describe('a held stream', () => {
  it('carries each new number once, in order, and heartbeats in between', async () => {
    new RouteSubscription(cluster.core, known(), outlet);
    await addApp('a');
    await addApp('b');
    expect(tables().length).toBeGreaterThanOrEqual(2);
    expect(tables()).toEqual([...new Set(tables())].sort((x, y) => x - y));
    expect(tables().at(-1)).toBe(cluster.core.state.tableNumber);
    const before = outlet.lines.length;
    await cluster.advance(2 * ROUTES_HEARTBEAT_MS);
    expect(outlet.types().slice(before)).toEqual(['heartbeat', 'heartbeat']);
    expect(outlet.lines.at(-1)).toEqual({ type: 'heartbeat', ...known() });
  });

  it('carries the same number again when its words for people are new, and only then', async () => {
    await cluster.core.apps.create({ id: asAppId('/late'), cmd: 'serve', cpus: 64 }, false, {
      clientIp: '10.0.0.9',
      uri: '/v2/apps',
    });
    new RouteSubscription(cluster.core, NOTHING, outlet);
    await cluster.advance(2 * ROUTES_HEARTBEAT_MS);
    expect(outlet.types().filter((type) => type === 'table')).toHaveLength(2);
    const [before, after] = outlet.lines.flatMap((line) => (line.type === 'table' ? [line.table] : []));
    expect(after?.number).toBe(before?.number);
    expect(after?.services[0]?.emptyReason).not.toBe(before?.services[0]?.emptyReason);
  });

  it('brings one that did not read the newest table, and not those in between', async () => {
    const subscription = new RouteSubscription(cluster.core, known(), outlet);
    outlet.needsDrain = true;
    await addApp('a');
    await addApp('b');
    await cluster.advance(ROUTES_HEARTBEAT_MS);
    expect(outlet.types()).toEqual(['heartbeat']);
    outlet.needsDrain = false;
    subscription.drained();
    expect(tables()).toEqual([cluster.core.state.tableNumber]);
    subscription.drained();
    expect(tables()).toHaveLength(1);
  });

  it('says nothing after its close', async () => {
    const subscription = new RouteSubscription(cluster.core, NOTHING, outlet);
    subscription.close();
    await addApp('a');
    await cluster.advance(ROUTES_HEARTBEAT_MS);
    expect(outlet.types()).toEqual(['table', 'heartbeat']);
  });

  it('is silent while this process has no state', async () => {
    new RouteSubscription(cluster.core, NOTHING, outlet);
    await cluster.core.stop();
    cluster.clock.advance(2 * ROUTES_HEARTBEAT_MS);
    expect(outlet.types()).toEqual(['table', 'heartbeat']);
  });
});
