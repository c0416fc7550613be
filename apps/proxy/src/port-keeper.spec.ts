import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { freePort, until } from '#libs/testkit';
import { PortKeeper, type PortKeeperOptions, type PortUser } from './port-keeper.js';
import type { PortAnswer } from './port-messages.js';

// longer than anything that is waited for, so that a wait ends its test
jest.setTimeout(60_000);

/** It says only what the test says. */
class ScriptedWorker implements PortUser {
  readonly said: PortAnswer[] = [];
  readonly sockets: Socket[] = [];
  connected = true;
  killed = false;
  /** Of the next message. */
  failure: Error | null = null;
  readonly process = {
    send: (
      message: PortAnswer,
      socket?: unknown,
      _options?: unknown,
      done?: (error: Error | null) => void,
    ): boolean => {
      this.said.push(message);
      if (message.type === 'connection') this.sockets.push(socket as Socket);
      done?.(this.failure);
      return true;
    },
    kill: (): boolean => (this.killed = true),
  } as unknown as PortUser['process'];
  isConnected(): boolean {
    return this.connected;
  }
}

describe('the ports of all workers', () => {
  let keeper: PortKeeper;
  let port: number;
  let clients: Socket[];

  beforeEach(async () => {
    clients = [];
    port = await freePort();
    make();
  });
  afterEach(() => {
    keeper.stop();
    for (const client of clients) client.destroy();
  });

  const make = (options?: PortKeeperOptions): void => void (keeper = new PortKeeper(options));
  const open = async (worker: ScriptedWorker, listener = 1): Promise<PortAnswer | undefined> => {
    const before = worker.said.length;
    keeper.take(worker, { type: 'open-port', listener, host: '127.0.0.1', port });
    await until('an answer', () => worker.said.length > before);
    return worker.said[before];
  };
  const taken = (worker: ScriptedWorker, isTaken = true): void =>
    keeper.take(worker, { type: 'taken', taken: isTaken });
  /** Its end, once there is one. */
  const client = (): { end?: string | undefined } => {
    const seen: { end?: string | undefined } = {};
    const socket = connect(port, '127.0.0.1');
    socket.on('error', (error: NodeJS.ErrnoException) => (seen.end ??= error.code));
    socket.on('close', () => (seen.end ??= 'closed'));
    socket.resume();
    clients.push(socket);
    return seen;
  };
  const came = (worker: ScriptedWorker, count: number): Promise<boolean> =>
    until(`${count} connections`, () => worker.sockets.length === count);

  it('each worker has one in turn, and no second one before it has said that it has the first', async () => {
    const [a, b] = [new ScriptedWorker(), new ScriptedWorker()];
    expect(await open(a, 7)).toEqual({ type: 'port-opened', listener: 7 });
    expect(await open(b, 8)).toEqual({ type: 'port-opened', listener: 8 });
    for (let times = 0; times < 3; times += 1) client();
    await came(a, 1);
    await came(b, 1);
    // b has not taken its own
    taken(a);
    await came(a, 2);
    expect(b.sockets).toHaveLength(1);
    taken(b);
    taken(a);
    for (let times = 0; times < 2; times += 1) client();
    await came(b, 2);
    await came(a, 3);
    expect(b.said.at(-1)).toEqual({ type: 'connection', listener: 8 });
  });

  it('what its worker did not take when it died, or handed back, goes to the next one before all that wait', async () => {
    const [a, b] = [new ScriptedWorker(), new ScriptedWorker()];
    await open(a);
    client();
    client();
    await came(a, 1);
    const [given] = a.sockets;
    await open(b);
    await came(b, 1);
    // b hands its own back, for it stops
    keeper.take(b, { type: 'close-port', listener: 1 });
    taken(b, false);
    const c = new ScriptedWorker();
    await open(c);
    await came(c, 1);
    client();
    await until('it to wait', () => clients[2]?.connecting === false);
    keeper.gone(a);
    taken(c);
    await came(c, 2);
    taken(c);
    await came(c, 3);
    // the very objects: two sockets look alike
    expect(c.sockets.map((socket) => [b.sockets[0], given].indexOf(socket))).toEqual([0, 1, -1]);
  });

  it('who comes while no worker lives waits for one, and only so long; then the port is closed', async () => {
    make({ keptMs: 300 });
    const [a, b] = [new ScriptedWorker(), new ScriptedWorker()];
    await open(a);
    keeper.gone(a);
    client();
    await open(b);
    await came(b, 1);
    taken(b);
    keeper.gone(b);
    const late = client();
    await until('its end', () => late.end);
    const refused = client();
    await until('the refusal', () => refused.end);
    expect([late.end, refused.end]).toEqual(['closed', 'ECONNREFUSED']);
    // all over again
    expect(await open(a)).toEqual({ type: 'port-opened', listener: 1 });
  });

  it('only so many wait', async () => {
    make({ waitingMax: 2 });
    const worker = new ScriptedWorker();
    await open(worker);
    keeper.gone(worker);
    const all = [client(), client(), client()];
    await until('one to be closed', () => all.some(({ end }) => end !== undefined));
    expect(all.filter(({ end }) => end === undefined)).toHaveLength(2);
  });

  it('the last one to close a port closes it, with what waits there, and no other one', async () => {
    const [a, b] = [new ScriptedWorker(), new ScriptedWorker()];
    await open(a, 3);
    await open(b, 4);
    keeper.take(a, { type: 'close-port', listener: 3 });
    // a number of another worker's
    keeper.take(b, { type: 'close-port', listener: 3 });
    client();
    await came(b, 1);
    const waiting = client();
    await until('it to be accepted', () => clients[1]?.connecting === false);
    keeper.take(b, { type: 'close-port', listener: 4 });
    await until('its end', () => waiting.end);
    const refused = client();
    await until('the refusal', () => refused.end);
    expect(refused.end).toBe('ECONNREFUSED');
  });

  it('a port closed while it is opened is closed', async () => {
    const worker = new ScriptedWorker();
    keeper.take(worker, { type: 'open-port', listener: 1, host: '127.0.0.1', port });
    keeper.take(worker, { type: 'close-port', listener: 1 });
    await until('it to be free', () => open(worker, 2).then((answer) => answer?.type === 'port-opened'));
    keeper.take(worker, { type: 'close-port', listener: 2 });
    const refused = client();
    await until('the refusal', () => refused.end);
    expect(refused.end).toBe('ECONNREFUSED');
    expect(worker.sockets).toEqual([]);
  });

  it('why a port cannot be opened is told to all who ask, and it is tried again with the next one', async () => {
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    expect((holder.address() as AddressInfo).port).toBe(port);
    const [a, b] = [new ScriptedWorker(), new ScriptedWorker()];
    const failed = await Promise.all([open(a), open(b)]);
    expect(failed).toEqual(
      Array(2).fill(expect.objectContaining({ type: 'port-failed', code: 'EADDRINUSE' })),
    );
    holder.close();
    expect(await open(a, 2)).toEqual({ type: 'port-opened', listener: 2 });
    expect(await open(b, 9)).toEqual({ type: 'port-opened', listener: 9 });
  });

  it('a worker that cannot be sent a connection is ended', async () => {
    const worker = new ScriptedWorker();
    await open(worker);
    worker.failure = new Error('EPIPE');
    client();
    await until('its end', () => worker.killed);
  });
});
