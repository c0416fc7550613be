// The name server as resolvers see it: Node's own resolver (c-ares) and raw packets over UDP and TCP.
import { Resolver } from 'node:dns/promises';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import dns, { type Packet, type RecordType } from 'dns-packet';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import { until } from '#libs/testkit';
import { DnsServer } from './dns-server.js';

const aTarget = (task: string, host: string, port: number, more: Partial<RouteTarget> = {}): RouteTarget => ({
  taskId: asTaskId(task),
  instanceId: asInstanceId(`i-${task}`),
  host,
  port,
  suspect: false,
  ...more,
});

const aService = (appId: string, portIndex: number, targets: RouteTarget[]): RouteService => ({
  appId: asAppId(appId),
  portIndex,
  mode: 'auto',
  hosts: [],
  sticky: false,
  redirectToHttps: false,
  targets,
  emptyReason: '',
});

const aTable = (...services: RouteService[]): RouteTable => ({
  cluster: 'c',
  epoch: 1,
  number: 7,
  madeAt: timestampOf(0),
  services,
});

const SHOP = aTable(
  aService('/shop/web', 0, [aTarget('a', '10.0.0.1', 31001), aTarget('b', '10.0.0.2', 31002)]),
  aService('/shop/web', 1, [aTarget('a', '10.0.0.1', 31011), aTarget('b', '10.0.0.2', 31012)]),
  aService('/six', 0, [aTarget('six', 'fd00::6', 31006)]),
  aService('/lost', 0, [aTarget('l1', '10.0.0.8', 1, { suspect: true }), aTarget('l2', '10.0.0.9', 2)]),
  aService('/named', 0, [aTarget('n', 'host7.example', 31007)]),
  aService('/empty', 0, []),
);

const MANY = aTable(
  aService(
    '/many',
    0,
    Array.from({ length: 300 }, (_, at) => aTarget(`t${at}`, `10.1.${at >> 8}.${at & 255}`, 31000 + at)),
  ),
);

const servers: DnsServer[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.stop()));

async function start(table: RouteTable): Promise<{ server: DnsServer; port: number; resolver: Resolver }> {
  const server = new DnsServer({
    bind: '127.0.0.1',
    port: 0,
    ttl: 5,
    zone: 'longrun',
    marathonZone: 'marathon.mesos',
  });
  servers.push(server);
  const port = await server.start();
  server.swap(table);
  const resolver = new Resolver({ tries: 1, timeout: 5_000 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return { server, port, resolver };
}

const query = (
  name: string,
  type: RecordType | 'ANY' | 'AXFR' | 'IXFR',
  more: Partial<Packet> = {},
): Buffer =>
  dns.encode({
    type: 'query',
    id: 4711,
    flags: 0x100,
    questions: [{ name, type: type as RecordType }],
    ...more,
  });

function askUdp(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('message', (answer) => {
      socket.close();
      resolve(answer);
    });
    socket.send(bytes, port, '127.0.0.1');
  });
}

/** All in one write; resolves with as many answers. */
function askTcp(port: number, queries: Buffer[]): Promise<Packet[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const answers: Packet[] = [];
    let seen = Buffer.alloc(0);
    socket.once('error', reject);
    socket.on('data', (bytes: Buffer) => {
      seen = Buffer.concat([seen, bytes]);
      while (seen.length >= 2 && seen.length >= 2 + seen.readUInt16BE(0)) {
        const end = 2 + seen.readUInt16BE(0);
        answers.push(dns.decode(seen.subarray(2, end)));
        seen = seen.subarray(end);
      }
      if (answers.length < queries.length) return;
      socket.destroy();
      resolve(answers);
    });
    const framed = queries.flatMap((each) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(each.length);
      return [length, each];
    });
    socket.write(Buffer.concat(framed));
  });
}

/** With the server's own ends of what it opens: its socket for UDP, and the first connection that it accepts. */
async function startSeen(
  table = SHOP,
): Promise<Awaited<ReturnType<typeof start>> & { udp: UdpSocket; accepted: Promise<Socket> }> {
  const sockets: UdpSocket[] = [];
  const onUdp = (message: unknown): void => void sockets.push((message as { socket: UdpSocket }).socket);
  subscribe('udp.socket', onUdp);
  const started = await start(table);
  unsubscribe('udp.socket', onUdp);
  const accepted = new Promise<Socket>((resolve) => {
    const onTcp = (message: unknown): void => {
      unsubscribe('net.server.socket', onTcp);
      resolve((message as { socket: Socket }).socket);
    };
    subscribe('net.server.socket', onTcp);
  });
  return { ...started, udp: sockets.at(-1) as UdpSocket, accepted };
}

const rcodeOf = (answer: Buffer): number => answer.readUInt16BE(2) & 15;

describe('names of apps', () => {
  it('gives the addresses of the tasks in both forms, and each once', async () => {
    const { resolver } = await start(SHOP);
    for (const name of [
      'web.shop.longrun',
      'WEB.Shop.longrun',
      'web-shop.marathon.mesos',
      'web-shop.marathon.slave.mesos',
      'web-shop.marathon.autoip.mesos',
    ])
      expect([...(await resolver.resolve4(name))].sort()).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(await resolver.resolve6('six.longrun')).toEqual(['fd00::6']);
  });

  it('gives ports by SRV, and the names these point at resolve', async () => {
    const { resolver } = await start(SHOP);
    const ports = async (name: string) =>
      (await resolver.resolveSrv(name)).map(({ port }) => port).sort((a, b) => a - b);
    expect(await ports('web.shop.longrun')).toEqual([31001, 31002]);
    expect(await ports('_port1._tcp.web.shop.longrun')).toEqual([31011, 31012]);
    expect(await ports('_web-shop._tcp.marathon.mesos')).toEqual([31001, 31002, 31011, 31012]);
    expect(await ports('_port1._web-shop._tcp.marathon.mesos')).toEqual([31011, 31012]);
    for (const zone of ['web.shop.longrun', '_web-shop._tcp.marathon.mesos']) {
      const records = await resolver.resolveSrv(zone);
      for (const { name, port } of records)
        expect(await resolver.resolve4(name)).toEqual([port % 10 === 1 ? '10.0.0.1' : '10.0.0.2']);
    }
  });

  it('gives ports by the names that the definition gives them, in both forms', async () => {
    const task = (port: number): RouteTarget[] => [aTarget('a', '10.0.0.1', port)];
    const { resolver } = await start(
      aTable(
        { ...aService('/shop/web', 0, task(31001)), portName: 'http' },
        { ...aService('/shop/web', 1, task(31011)), portName: 'HTTP-metrics' },
        { ...aService('/shop/web', 2, task(31021)), portName: 'port0' },
        aService('/shop/web', 3, task(31031)),
      ),
    );
    const ports = async (name: string) => (await resolver.resolveSrv(name)).map(({ port }) => port);
    for (const [name, port] of [
      ['http', 31001],
      ['http-metrics', 31011],
      ['HTTP-Metrics', 31011],
      ['port1', 31011],
      // its name, not the number of another one
      ['port0', 31021],
      ['port3', 31031],
    ] as const) {
      expect(await ports(`_${name}._tcp.web.shop.longrun`)).toEqual([port]);
      expect(await ports(`_${name}._web-shop._tcp.marathon.mesos`)).toEqual([port]);
    }
    for (const name of ['https', 'undefined'])
      await expect(resolver.resolveSrv(`_${name}._web-shop._tcp.marathon.mesos`)).rejects.toMatchObject({
        code: 'ENOTFOUND',
      });
  });

  it('names tasks on lost agents only when nobody else is there, and last in SRV', async () => {
    const { resolver, server } = await start(SHOP);
    expect(await resolver.resolve4('lost.longrun')).toEqual(['10.0.0.9']);
    const records = await resolver.resolveSrv('lost.longrun');
    expect(records.sort((a, b) => a.priority - b.priority).map(({ port }) => port)).toEqual([2, 1]);
    server.swap(aTable(aService('/lost', 0, [aTarget('l1', '10.0.0.8', 1, { suspect: true })])));
    expect(await resolver.resolve4('lost.longrun')).toEqual(['10.0.0.8']);
  });

  it('points SRV at a host that is a name itself', async () => {
    const { resolver } = await start(SHOP);
    expect(await resolver.resolveSrv('named.longrun')).toEqual([
      { name: 'host7.example', port: 31007, priority: 0, weight: 1 },
    ]);
    await expect(resolver.resolve4('named.longrun')).rejects.toMatchObject({ code: 'ENODATA' });
  });

  it('answers from the new table at once', async () => {
    const { resolver, server } = await start(SHOP);
    server.swap(aTable(aService('/shop/web', 0, [aTarget('c', '10.0.0.3', 31003)])));
    expect(await resolver.resolve4('web.shop.longrun')).toEqual(['10.0.0.3']);
    await expect(resolver.resolve6('six.longrun')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('what there is not', () => {
  it('tells "no such name" from "no such record", and both name the zone', async () => {
    const { port, resolver } = await start(SHOP);
    await expect(resolver.resolve4('nobody.longrun')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve6('web.shop.longrun')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('empty.longrun')).rejects.toMatchObject({ code: 'ENODATA' });
    // a group is no name of an app, but names below it exist
    await expect(resolver.resolve4('shop.longrun')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('_port9._tcp.web.shop.longrun')).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
    const missing = dns.decode(await askUdp(port, query('nobody.longrun', 'A')));
    expect(missing.authorities).toEqual([expect.objectContaining({ type: 'SOA', name: 'longrun' })]);
    expect(await resolver.resolveSoa('longrun')).toMatchObject({ serial: 7, minttl: 5 });
  });

  it('refuses other zones, other classes, transfers of nothing, and other opcodes', async () => {
    const { port } = await start(SHOP);
    expect(rcodeOf(await askUdp(port, query('example.com', 'A')))).toBe(5);
    expect(rcodeOf(await askUdp(port, query('notlongrun', 'A')))).toBe(5);
    const chaos = query('web.shop.longrun', 'A', {
      questions: [{ name: 'web.shop.longrun', type: 'A', class: 'CH' }],
    });
    expect(rcodeOf(await askUdp(port, chaos))).toBe(5);
    expect(rcodeOf(await askUdp(port, query('longrun', 'A', { flags: 0x2800 })))).toBe(4);
    const two = query('longrun', 'A', {
      questions: [
        { name: 'longrun', type: 'A' },
        { name: 'web.shop.longrun', type: 'A' },
      ],
    });
    expect(rcodeOf(await askUdp(port, two))).toBe(1);
    const any = dns.decode(await askUdp(port, query('web.shop.longrun', 'ANY')));
    expect(any.answers).toEqual([expect.objectContaining({ type: 'HINFO' })]);
  });

  it.each(['AXFR', 'IXFR'] as const)(
    'give the zone to nobody: %s is refused by UDP and TCP',
    async (type) => {
      const { port } = await start(SHOP);
      const queries = ['longrun', 'web.shop.longrun', 'none.longrun'].map((name) => query(name, type));
      for (const each of queries) expect(rcodeOf(await askUdp(port, each))).toBe(5);
      for (const { flags, answers, authorities } of await askTcp(port, queries))
        expect([(flags ?? 0) & 0xf, answers, authorities]).toEqual([5, [], []]);
    },
  );
});

describe('size', () => {
  it('marks what does not fit, within what the client takes, and gives the whole by TCP', async () => {
    const { port, resolver } = await start(MANY);
    const plain = await askUdp(port, query('many.longrun', 'A'));
    expect(plain.length).toBeLessThanOrEqual(512);
    expect(plain.readUInt16BE(2) & 0x200).not.toBe(0);
    const option = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] };
    const extended = await askUdp(port, query('many.longrun', 'A', { additionals: [option as never] }));
    expect(extended.length).toBeGreaterThan(plain.length);
    expect(extended.length).toBeLessThanOrEqual(1232);
    // the resolver sees the mark and asks again by TCP
    expect((await resolver.resolve4('many.longrun')).length).toBe(300);
    const answers = await askTcp(port, [query('many.longrun', 'SRV'), query('many.longrun', 'A')]);
    expect(answers.map((each) => each.answers?.length)).toEqual([300, 300]);
  });

  it('does not always give the same one first', async () => {
    const { resolver } = await start(MANY);
    const firsts = new Set<string | undefined>();
    for (let turn = 0; turn < 20; turn += 1) firsts.add((await resolver.resolve4('many.longrun'))[0]);
    expect(firsts.size).toBeGreaterThan(5);
  });
});

describe('hostile packets', () => {
  it('survives 5,000 of them and still answers; never answers an answer', async () => {
    const { port, resolver } = await start(SHOP);
    const socket = createSocket('udp4');
    let answers = 0;
    socket.on('message', () => (answers += 1));
    const good = query('web.shop.longrun', 'A');
    for (let turn = 0; turn < 5_000; turn += 1) {
      const bytes = Buffer.from(good);
      for (let flips = 0; flips < 1 + (turn % 6); flips += 1)
        bytes[Math.floor(Math.random() * bytes.length)] = Math.floor(Math.random() * 256);
      socket.send(turn % 7 === 0 ? bytes.subarray(0, turn % bytes.length) : bytes, port, '127.0.0.1');
    }
    expect(await resolver.resolve4('six.longrun').catch((error: Error) => error.message)).toContain(
      'ENODATA',
    );
    expect((await resolver.resolve4('web.shop.longrun')).length).toBe(2);
    expect(answers).toBeGreaterThan(0);
    answers = 0;
    const reply = Buffer.from(good);
    reply.writeUInt16BE(0x8180, 2);
    socket.send(reply, port, '127.0.0.1');
    await resolver.resolve4('web.shop.longrun');
    expect(answers).toBe(0);
    socket.close();
  });

  it('lives on when one comes from port 0, where nobody can be answered', async () => {
    const { resolver, udp } = await startSeen();
    udp.emit('message', query('web.shop.longrun', 'A'), { address: '127.0.0.1', port: 0, family: 'IPv4' });
    expect((await resolver.resolve4('web.shop.longrun')).length).toBe(2);
  });

  it('takes no name for another one: octets beyond ASCII, dots and blanks inside a label', async () => {
    const { port } = await start(SHOP);
    for (const label of [Buffer.alloc(63, 255), Buffer.from('web.shop'), Buffer.from('w b')]) {
      const head = query('longrun', 'A').subarray(0, 12);
      const rest = query('longrun', 'A').subarray(12);
      const answer = await askUdp(port, Buffer.concat([head, Buffer.from([label.length]), label, rest]));
      expect([rcodeOf(answer), answer.length]).toEqual([1, 12]);
    }
  });

  it('answers a client that asks much and reads nothing no further than it reads', async () => {
    const { port, accepted } = await startSeen(MANY);
    const each = query('many.longrun', 'SRV');
    const framed = Buffer.concat([Buffer.from([0, each.length]), each]);
    const client = connect(port, '127.0.0.1').pause();
    client.write(Buffer.concat(Array.from({ length: 400 }, () => framed)));
    const socket = await accepted;
    await until('a client held up', () => socket.isPaused() && socket.writableNeedDrain);
    // one answer has 30 KB, all of them 12 MB
    expect(socket.writableLength).toBeLessThan(200_000);
    let seen = 0;
    client.on('data', (bytes: Buffer) => (seen += bytes.length)).resume();
    const one = (await askTcp(port, [each]))[0];
    await until('all answers', () => seen === 400 * (2 + dns.encodingLength(one as Packet)));
    client.destroy();
  }, 60_000);

  it('says what to do when the port is taken', async () => {
    const { port } = await start(SHOP);
    const second = new DnsServer({
      bind: '127.0.0.1',
      port,
      ttl: 5,
      zone: 'longrun',
      marathonZone: 'marathon.mesos',
    });
    await expect(second.start()).rejects.toThrow(/choose another --dns-port/);
  });
});
