// Several workers in one proxy: each serves and confirms for itself, and what dies takes nothing with it that is not its own.
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort, selfSigned, tcpServer, until } from '#libs/testkit';
import { aTable, compileProxy, ProxyBed, removeProxy, type RunningProxy } from './fixtures/proxy-bed.js';

/** Far beyond what an answer takes, also while workers are started. */
const HANGS_MS = 25_000;

describe('the workers of a proxy', () => {
  let folder: string;
  let bed: ProxyBed;

  beforeAll(() => {
    folder = compileProxy();
  }, 60_000);
  afterAll(() => removeProxy(folder));
  beforeEach(async () => {
    bed = await ProxyBed.open(folder);
  });
  afterEach(() => bed.close());

  /** Both have confirmed table 1. */
  const twoWorkers = async (...args: string[]): Promise<RunningProxy> => {
    const proxy = bed.start('--workers', '2', ...args);
    await proxy.ready();
    await until('both confirmations', () => bed.controlPlane.confirmed(1).length === 2);
    return proxy;
  };
  /** Also those that were started again. */
  const bothConfirm = async (number: number, servicePort?: number): Promise<void> => {
    bed.controlPlane.send(aTable(number, [bed.backendPort], servicePort));
    await until('both to have it', () => bed.controlPlane.confirmed(number).length === 2);
  };
  /** One request on a connection of its own. */
  const connection = (port = bed.port): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      const end = (how: string): void => {
        socket.destroy();
        resolve(text.endsWith('hello') ? 'hello' : how);
      };
      socket.setTimeout(HANGS_MS, () => end('hangs'));
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('error', (error: NodeJS.ErrnoException) =>
        end(error.code === 'ECONNREFUSED' ? 'refused' : 'broken'),
      );
      socket.on('close', () => end('broken'));
      socket.write('GET /_app/web/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    });
  const connections = (count: number, port?: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => connection(port)));

  it('serves with several workers, each confirming for itself', async () => {
    const servicePort = await freePort();
    bed.controlPlane.table = aTable(1, [bed.backendPort], servicePort);
    const dnsPort = await freePort();
    const ports = ['--service-ports', `${servicePort}-${servicePort}`, '--dns-port', String(dnsPort)];
    const proxy = await twoWorkers(...ports);
    expect(await bed.get()).toBe('200 hello');
    const answer = await fetch(`http://127.0.0.1:${servicePort}/`);
    expect(await answer.text()).toBe('hello');
    const resolver = new Resolver({ tries: 1 });
    resolver.setServers([`127.0.0.1:${dnsPort}`]);
    expect(await resolver.resolveSrv('web.longrun')).toMatchObject([{ port: bed.backendPort }]);
    proxy.child.kill('SIGTERM');
    expect(await proxy.ended).toBe(0);
    expect(bed.controlPlane.reports.filter(({ report }) => report.leaving)).toHaveLength(2);
  }, 60_000);

  it('finishes what is in flight when workers get the signal of the whole group and that of their primary', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = await twoWorkers();
    const answer = bed.get('/slow');
    const finish = await until('the request to be in flight', () => bed.finishSlow);
    for (const signal of ['SIGINT', 'SIGINT'] as const)
      for (const pid of proxy.workerPids().values()) process.kill(pid, signal);
    proxy.child.kill('SIGINT');
    await until('the primary to stop', () => proxy.log.includes('"stopping"'));
    finish();
    expect(await answer).toBe('200 slow');
    expect(await proxy.ended).toBe(0);
  }, 60_000);

  it('a worker that is killed costs its own connections only, and comes back with the newest table', async () => {
    const finish: (() => void)[] = [];
    const patient = createServer((_req, res) => finish.push(() => void res.end('old')));
    const other = createServer((_req, res) => res.end('new'));
    const [patientPort, otherPort] = [await bed.serve(patient), await bed.serve(other)];
    bed.controlPlane.table = aTable(1, [patientPort]);
    const proxy = await twoWorkers();
    const outcomes = Array.from({ length: 10 }, () => bed.get().catch(() => 'broken'));
    await until('all to be in flight', () => finish.length === 10);
    proxy.signalWorker(1, 'SIGKILL');
    await until('its end to be seen', () => proxy.log.includes('a worker ended'));
    // while it is away
    bed.controlPlane.send(aTable(2, [otherPort]));
    const fresh: string[] = [];
    await until('the one that is left to have the table', () => bed.controlPlane.confirmed(2).length >= 1);
    for (let times = 0; times < 20; times += 1) fresh.push(await bed.get());
    await until('both to have it', () => bed.controlPlane.confirmed(2).length === 2);
    for (let times = 0; times < 40; times += 1) fresh.push(await bed.get());
    expect(proxy.workerPids().size).toBe(2);
    expect(new Set(fresh)).toEqual(new Set(['200 new']));
    // what the one that is left says is in flight to the task that left: its own connections, all of them
    const task = `t${patientPort}`;
    const left = Math.max(...bed.controlPlane.reports.map(({ report }) => report.inFlight[task] ?? 0));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(10);
    for (const each of finish) each();
    const ends = await Promise.all(outcomes);
    expect(ends.filter((each) => each === '200 old')).toHaveLength(left);
    expect(ends.filter((each) => each === 'broken')).toHaveLength(10 - left);
  }, 60_000);

  it('a worker that cannot live is started again ever more rarely and named, until it lives', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = await twoWorkers();
    // a file where its folder should be
    renameSync(join(bed.data, 'worker-1'), join(bed.data, 'aside'));
    writeFileSync(join(bed.data, 'worker-1'), '');
    proxy.signalWorker(1, 'SIGKILL');
    const told = (): readonly string[] => bed.controlPlane.reports.at(-1)?.report.warnings ?? [];
    await until('the control plane to be told', () =>
      told().some((each) => each.startsWith('worker 1 of this')),
    );
    for (let times = 0; times < 20; times += 1) expect(await bed.get()).toBe('200 hello');
    // 0.5 s, 1 s, 2 s, 4 s
    expect(proxy.countOf('a worker ended')).toBeLessThanOrEqual(5);
    rmSync(join(bed.data, 'worker-1'));
    renameSync(join(bed.data, 'aside'), join(bed.data, 'worker-1'));
    bed.controlPlane.send(aTable(2, [bed.backendPort]));
    await until('both to serve again', () => bed.controlPlane.confirmed(2).length === 2);
  }, 60_000);

  it('gives each kind of connection to its workers whole: TLS, bytes after a half-close, names by TCP', async () => {
    const [servicePort, httpsPort, dnsPort] = [await freePort(), await freePort(), await freePort()];
    const pem = join(bed.data, 'web.pem');
    writeFileSync(pem, selfSigned(['web.example']).pem);
    // answers once the client has said all
    const target = await tcpServer((socket) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => socket.end(`heard ${text}`));
    });
    try {
      bed.controlPlane.table = aTable(1, [target.port], servicePort);
      await twoWorkers(
        ...['--service-ports', `${servicePort}-${servicePort}`, '--dns-port', String(dnsPort)],
        ...['--proxy-certs', pem, '--proxy-https-port', String(httpsPort)],
      );
      const said = async (socket: Socket, bytes: string | Buffer): Promise<string> => {
        let text = '';
        socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
        socket.end(bytes);
        await once(socket, 'close');
        return text;
      };
      // each worker gets some
      for (let times = 0; times < 4; times += 1) {
        expect(await said(connect(servicePort, '127.0.0.1'), 'one two')).toBe('heard one two');
        const name = Buffer.from('\x03web\x07longrun\x00', 'latin1');
        // one question, by TCP behind its length
        const header = Buffer.from('00070100000100000000000000', 'hex').subarray(0, 12);
        const question = Buffer.concat([Buffer.from([0, 0]), header, name, Buffer.from('00210001', 'hex')]);
        question.writeUInt16BE(question.length - 2, 0);
        expect(await said(connect(dnsPort, '127.0.0.1'), question)).toContain('longrun');
        const tls = connectTls({
          port: httpsPort,
          host: '127.0.0.1',
          servername: 'web.example',
          rejectUnauthorized: false,
        });
        const asked = 'GET / HTTP/1.1\r\nhost: none.example\r\nconnection: close\r\n\r\n';
        expect(await said(tls, asked)).toMatch(/^HTTP\/1.1 404/);
      }
    } finally {
      target.close();
    }
  }, 60_000);

  it('a connection that a worker was given, but had not taken when it was killed, goes to another one', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = await twoWorkers();
    // frozen it takes nothing, so none of these is its own
    proxy.signalWorker(1, 'SIGSTOP');
    let answered = 0;
    const outcomes = Array.from({ length: 6 }, () => connection().finally(() => (answered += 1)));
    await until('the others to be answered', () => answered === 5);
    proxy.signalWorker(1, 'SIGKILL');
    expect(await Promise.all(outcomes)).toEqual(Array(6).fill('hello'));
  }, 60_000);

  it('workers killed one after the other under new connections: none hangs or is refused, few break', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = await twoWorkers();
    const [CLIENTS, KILLS] = [6, 6];
    const { outcomes, stop } = bed.stream(CLIENTS, connection);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const before = outcomes.length;
      await until('some connections', () => outcomes.length > before + 30);
      const worker = 1 + (kill % 2);
      // every other one holds on to a connection that it does not take
      if (kill > KILLS / 2) {
        proxy.signalWorker(worker, 'SIGSTOP');
        const frozen = outcomes.length;
        await until('some that the other one takes', () => outcomes.length > frozen + 10);
      }
      proxy.signalWorker(worker, 'SIGKILL');
      await until('its end', () => proxy.countOf('a worker ended') === kill);
      await until('it to be back', () => proxy.workerPids().size === 2);
      await bothConfirm(kill + 1);
    }
    await stop();
    const count = (how: string): number => outcomes.filter((each) => each === how).length;
    expect([count('hangs'), count('refused')]).toEqual([0, 0]);
    // one that has just been accepted is its worker's own
    expect(count('broken')).toBeLessThanOrEqual(KILLS * CLIENTS);
    expect(count('hello')).toBeGreaterThan(KILLS * 30);
  }, 120_000);

  it('a worker that is stopped in order loses not one new connection: what it gets late it hands back', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = await twoWorkers();
    const { outcomes, stop } = bed.stream(6, connection);
    for (const times of [1, 2, 3]) {
      const before = outcomes.length;
      await until('some connections', () => outcomes.length > before + 30);
      proxy.signalWorker(1 + (times % 2), 'SIGTERM');
      await until('its end', () => proxy.countOf('a worker ended') === times);
      await until('it to be back', () => proxy.workerPids().size === 2);
      await bothConfirm(times + 1);
    }
    await stop();
    expect(new Set(outcomes)).toEqual(new Set(['hello']));
  }, 120_000);

  it('all workers killed at once: who comes meanwhile waits for the first that is back, on every port', async () => {
    const servicePort = await freePort();
    bed.controlPlane.table = aTable(1, [bed.backendPort], servicePort);
    const proxy = await twoWorkers('--service-ports', `${servicePort}-${servicePort}`);
    for (const times of [1, 2]) {
      for (const pid of proxy.workerPids().values()) process.kill(pid, 'SIGKILL');
      await until('both ends', () => proxy.countOf('a worker ended') === 2 * times);
      const outcomes = await Promise.all([
        ...(await connections(20)),
        ...(await connections(5, servicePort)),
      ]);
      expect(new Set(outcomes)).toEqual(new Set(['hello']));
      await bothConfirm(times + 1, servicePort);
    }
    // and it goes when it leaves the table
    await bothConfirm(4);
    await until('a refusal', async () => (await connection(servicePort)) === 'refused');
  }, 60_000);

  it('when no worker can live, its ports refuse after a while, each is named, and all is well once they can', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = await twoWorkers();
    for (const worker of [1, 2]) {
      renameSync(join(bed.data, `worker-${worker}`), join(bed.data, `aside-${worker}`));
      writeFileSync(join(bed.data, `worker-${worker}`), '');
    }
    for (const pid of proxy.workerPids().values()) process.kill(pid, 'SIGKILL');
    await until('both ends', () => proxy.countOf('a worker ended') >= 2);
    expect(await connection()).toBe('broken');
    expect(await connection()).toBe('refused');
    for (const worker of [1, 2])
      expect(proxy.log).toMatch(`worker ${worker} of this proxy has ended 3 times in a row`);
    // at once, 0.5 s, 1 s, 2 s, 4 s, 8 s
    expect(proxy.countOf('a worker ended')).toBeLessThanOrEqual(2 * 6);
    for (const worker of [1, 2]) {
      rmSync(join(bed.data, `worker-${worker}`));
      renameSync(join(bed.data, `aside-${worker}`), join(bed.data, `worker-${worker}`));
    }
    await bothConfirm(2);
    expect(new Set(await connections(10))).toEqual(new Set(['hello']));
  }, 90_000);

  it('a port that somebody else held is opened by every worker once it is free, also by one that came later', async () => {
    const servicePort = await freePort();
    const holder = createServer();
    await bed.serve(holder, servicePort);
    bed.controlPlane.table = aTable(1, [bed.backendPort], servicePort);
    const proxy = await twoWorkers('--service-ports', `${servicePort}-${servicePort}`);
    /** Of each worker's newest report. */
    const warnings = (): string[] => {
      const newest = new Map(bed.controlPlane.reports.map(({ id, report }) => [id, report.warnings.join()]));
      return [...newest.values()];
    };
    await until('both to say so', () =>
      warnings().every((text) => text.includes('another process listens on it')),
    );
    proxy.signalWorker(1, 'SIGKILL');
    await until('its end', () => proxy.log.includes('a worker ended'));
    await until('it to be back', () => proxy.workerPids().size === 2);
    await bothConfirm(2, servicePort);
    holder.close();
    await until('both to have it', () => warnings().every((text) => !text.includes('service port')));
    expect(new Set(await connections(10, servicePort))).toEqual(new Set(['hello']));
    // each of them, for the other one is frozen
    for (const worker of [1, 2]) {
      proxy.signalWorker(worker, 'SIGSTOP');
      let answered = 0;
      const two = [1, 2].map(() => connection(servicePort).finally(() => (answered += 1)));
      await until('one to be answered', () => answered === 1);
      proxy.signalWorker(worker, 'SIGCONT');
      expect(await Promise.all(two)).toEqual(['hello', 'hello']);
    }
  }, 60_000);
});
