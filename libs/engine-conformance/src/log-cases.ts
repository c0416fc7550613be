// What an engine tells of each request, for the access log: the same of every engine, whatever clients write.
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { until } from '#libs/testkit';
import { aService, type Ask, type EngineBench, type Told } from './engine-bench.js';

export function logCases(bench: EngineBench, timeoutMs: number): void {
  /** What is told of what these ask, when all of it is there. */
  const toldOf = async (count: number, ask: () => Promise<unknown>): Promise<Told[]> => {
    bench.told.length = 0;
    await ask();
    await until(`${count} to be told`, () => bench.told.length >= count);
    return [...bench.told];
  };
  const one = async (ask: Ask): Promise<Told> => {
    const told = await toldOf(1, () => bench.ask(ask));
    expect(told).toHaveLength(1);
    return told[0] as Told;
  };
  const seenOf = ({ service, target, ...told }: Told): object => ({
    ...told,
    app: service?.appId,
    task: target?.taskId,
  });

  it(
    'tells of each request once: whose it was, what was asked and answered, by whom',
    async () => {
      const [a, torn] = [await bench.backend('a'), await bench.backend('torn')];
      await bench.route(
        aService([a], { path: '/p', policy: { stripPath: true } }),
        aService([torn], { appId: asAppId('/torn'), hosts: ['torn.example'] }),
        aService([a], {
          appId: asAppId('/locked'),
          hosts: ['locked.example'],
          policy: { auth: { realm: 'x', users: [] } },
        }),
        aService([], { appId: asAppId('/none'), hosts: ['none.example'] }),
      );
      const asked = { path: '/p/x?secret=1', headers: { 'x-request-id': 'id-1' } };
      expect(seenOf(await one(asked))).toMatchObject({
        ...{ app: '/web', task: 'a', method: 'GET', host: 'web.example', urlPath: '/p/x', status: 200 },
        ...{ clientAddress: '127.0.0.1', requestId: 'id-1', retries: 0 },
      });
      expect(a.seen.at(-1)?.headers['x-request-id']).toBe('id-1');
      const made = await one({ path: '/p' });
      expect(made.requestId).toBe(a.seen.at(-1)?.headers['x-request-id']);
      expect(made.abortedBy).toBeUndefined();
      const at = (host: string, more: Ask = {}): Promise<Told> => one({ headers: { host }, ...more });
      const own = { path: 'own', task: undefined, retries: 0 };
      expect(seenOf(await at('locked.example'))).toMatchObject({ ...own, app: '/locked', status: 401 });
      expect(seenOf(await at('none.example', { method: 'PUT', path: '/q' }))).toMatchObject({
        ...{ ...own, app: '/none', status: 503, method: 'PUT', urlPath: '/q', host: 'none.example' },
      });
      expect(seenOf(await at('nobody.invalid'))).toMatchObject({ ...own, app: undefined, status: 404 });
      expect(seenOf(await at('torn.example', { method: 'POST', path: '/cut' }))).toMatchObject({
        ...{ app: '/torn', task: 'torn', status: 502, method: 'POST', retries: 0 },
      });
      // what was in flight when it left the table
      const held = bench.ask({ path: '/p/hold' });
      await until('the request', () => a.held() === 1);
      await bench.route(aService([torn], { path: '/p' }));
      const last = await toldOf(1, () => (a.release(), held));
      expect(last.map(seenOf)).toMatchObject([{ app: '/web', task: 'a', status: 200, urlPath: '/p/hold' }]);
    },
    timeoutMs,
  );

  it(
    'keeps hostile heads inside of their fields, and tells of heads that nobody can read',
    async () => {
      const a = await bench.backend('a');
      await bench.route(aService([a], { hosts: ['*'] }));
      const paths = [
        '/%0A<3>1%20main',
        `/"';,\\{}|^\`~<13>`,
        `/${'%41'.repeat(300)}`,
        '//-/ x'.replace(' ', ''),
      ];
      for (const path of paths) expect((await one({ path })).urlPath).toBe(path);
      // engines differ in what they make of such an id, and it is nothing but an id
      const headers = { 'x-request-id': 'a b <3>"\t- 1' };
      expect((await one({ path: '/id', headers })).urlPath).toBe('/id');
      const host = 'a_b-1.example:8000';
      expect((await one({ headers: { host } })).host).toBe(host);
      const [told] = await toldOf(1, () => say(bench.port, 'GET /x y HTTP/1.1\r\nhost: web.example\r\n\r\n'));
      expect(told).toMatchObject({ path: 'own', service: undefined, status: 400, method: '', urlPath: '' });
    },
    timeoutMs,
  );

  it(
    'tells of tunnels when they end, with their bytes',
    async () => {
      const [a, tcp] = [await bench.backend('a'), await bench.tcpBackend('hello')];
      const port = await bench.freePort();
      await bench.route(
        aService([a]),
        aService([{ task: 'tcp', port: tcp.port }], {
          ...{ appId: asAppId('/tcp'), servicePort: port, mode: 'tcp', hosts: [] },
        }),
      );
      const [relayed] = await toldOf(1, () => say(port, 'ping', 'helloping'));
      expect(seenOf(relayed as Told)).toMatchObject({
        ...{ path: 'tcp', app: '/tcp', task: 'tcp', status: 0, bytesIn: 4, bytesOut: 9, method: '' },
      });
      const upgrade =
        'GET /ws?x HTTP/1.1\r\nhost: web.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n';
      const [socket] = await toldOf(1, () => say(bench.port, upgrade, '\r\n\r\n'));
      expect(seenOf(socket as Told)).toMatchObject({
        ...{ path: 'websocket', app: '/web', task: 'a', status: 101, urlPath: '/ws', method: 'GET' },
      });
    },
    timeoutMs,
  );
}

/** Sends, waits until what came ends with that (or for any answer), and closes in order. */
function say(port: number, text: string, last = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(text));
    socket.once('error', reject);
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      if (said.endsWith(last)) socket.end(() => resolve());
    });
  });
}
