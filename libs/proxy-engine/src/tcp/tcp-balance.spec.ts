import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RoutePolicy } from '#libs/routing';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine, type Backends } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe('targets of TCP connections', () => {
  let engine: ProxyEngine;
  let servicePort: number;
  let close: (() => void)[];

  beforeEach(async () => {
    close = [];
    servicePort = await freePort();
    ({ engine } = await startEngine());
  });
  afterEach(async () => {
    for (const each of close) each();
    await engine.stop(0);
  });

  /** Backends that say their name and stay. */
  async function serve(policy: RoutePolicy, ...names: string[]): Promise<void> {
    const backends: Record<string, number> = {};
    for (const name of names) {
      const server = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.write(name);
      });
      close.push(() => server.close());
      backends[name] = await listen(server);
    }
    const ports: Backends = backends;
    await engine.swap(aTable(1, aService(ports, { servicePort, mode: 'tcp', policy })));
  }

  function open(localAddress = '127.0.0.1'): Socket {
    const socket = connect({ port: servicePort, host: '127.0.0.1', localAddress });
    socket.on('error', () => socket.destroy());
    close.push(() => socket.destroy());
    return socket;
  }

  async function nameFor(localAddress: string): Promise<string> {
    const socket = open(localAddress);
    const [name] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return name.toString();
  }

  it('stay the same for a client whose service goes by the source', async () => {
    await serve({ balance: { by: 'source' } }, 'a', 'b', 'c');
    const clients = Array.from({ length: 12 }, (_, at) => `127.0.0.${at + 2}`);
    const [first, second]: [string[], string[]] = [[], []];
    for (const each of clients) first.push(await nameFor(each));
    for (const each of clients.reverse()) second.unshift(await nameFor(each));
    expect(second).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(1);
  });

  it('are waited for where a limit says so', async () => {
    await serve({ limits: { connectionsPerTarget: 1 } }, 'a');
    const first = open();
    await once(first, 'data');
    const seen: string[] = [];
    const second = open();
    second.on('data', (chunk) => seen.push(chunk.toString()));
    await once(second, 'connect');
    await until('one in flight, as the limit says', () => engine.inFlight().size === 1);
    expect([...engine.inFlight().values()]).toEqual([1]);
    first.destroy();
    await until('the second has its turn', () => seen.length > 0);
    second.destroy();
    await until('nothing is in flight', () => engine.inFlight().size === 0);
  });
});
