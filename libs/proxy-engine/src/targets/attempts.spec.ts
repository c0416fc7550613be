// How often a request is sent, and to whom, when targets break, refuse or answer with a status that is asked about again: over real sockets,
// alike on both paths.
import { createServer as createHttp2Server } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import type { RoutePolicy } from '#libs/routing';
import { freePorts, until } from '#libs/testkit';
import { aService, aTable, ask, listen, PATHS, startEngine, type Backends } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const DOWN = 'HTTP/1.1 503 Down\r\nContent-Length: 13\r\n\r\nfrom the task';

describe.each(PATHS)('attempts on the $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let servers: Server[];
  let sockets: Socket[];
  let records: RequestRecord[];
  /** Which target saw which request, by its path. */
  let seen: string[];

  beforeEach(async () => {
    [servers, sockets, seen] = [[], [], []];
    const told: RequestRecord[] = (records = []);
    ({ engine, port } = await startEngine({
      fastPath,
      observer: { ended: (record) => void told.push(record) },
    }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of sockets) each.destroy();
    for (const each of servers) each.close();
  });

  /** `nth`: of the requests on one connection, from 1. */
  const task = async (name: string, onRequest: (socket: Socket, nth: number) => void): Promise<number> => {
    const server = createServer((socket) => {
      let nth = 0;
      sockets.push(socket);
      socket.on('error', () => socket.destroy());
      socket.on('data', (data) => {
        seen.push(`${name} ${data.toString('latin1').split(' ', 2)[1]}`);
        onRequest(socket, (nth += 1));
      });
    });
    servers.push(server);
    return listen(server);
  };
  /** Closes a kept connection when it is used again, as servers do whose time for idle ones is up. */
  const closing = (name: string): Promise<number> =>
    task(name, (socket, nth) => void (nth > 1 ? socket.destroy() : socket.write(OK)));
  const route = (backends: Backends, policy: RoutePolicy): Promise<void> =>
    engine.swap(aTable(1, aService(backends, { policy })));
  const answers = async (count: number): Promise<string[]> => {
    const all: string[] = [];
    for (let round = 0; round < count; round += 1) {
      const { status, text } = await ask({ port, path: `/${round}` });
      all.push(`${status} ${text}`);
    }
    return all;
  };
  const leftOut = (): number => engine.standings().reduce((sum, each) => sum + each.leftOut, 0);

  it.each([1, 2])('a kept connection that is closed is no attempt (%i targets)', async (targets) => {
    const backends = Object.fromEntries(
      await Promise.all(['a', 'b'].slice(0, targets).map(async (name) => [name, await closing(name)])),
    ) as Backends;
    await route(backends, { retries: { attempts: 1, budgetPercent: 100 } });
    expect(await answers(12)).toEqual(Array(12).fill('200 ok'));
    // one attempt: nobody else was shown the request
    for (let round = 0; round < 12; round += 1) {
      const by = seen.filter((each) => each.endsWith(` /${round}`)).map((each) => each.split(' ')[0]);
      expect(new Set(by).size).toBe(1);
    }
    expect(seen.length).toBeGreaterThan(12);
    await until('the records', () => records.length === 12);
    expect(records.reduce((sum, { retries }) => sum + retries, 0)).toBe(seen.length - 12);
    expect(engine.inFlight().size).toBe(0);
  });

  it('nor does it put its target out', async () => {
    const policy: RoutePolicy = { retries: { budgetPercent: 100 }, ejection: { failures: 1 } };
    await route({ a: await closing('a'), b: await closing('b') }, policy);
    expect(await answers(6)).toEqual(Array(6).fill('200 ok'));
    expect(seen.length).toBeGreaterThan(6);
    expect(leftOut()).toBe(0);
  });

  it('a fresh one that breaks is one, and is what the client is told of when it was the last', async () => {
    const breaks = (name: string): Promise<number> => task(name, (socket) => socket.destroy());
    await route({ a: await breaks('a'), b: await breaks('b') }, { retries: { attempts: 1 } });
    const [answer] = await answers(1);
    expect(answer).toMatch(/^502 .*closed the connection before it answered/);
    expect(seen).toHaveLength(1);
  });

  it.each([1, 2, 3])('of %i attempts the last answer counts, whatever its status', async (attempts) => {
    const down = (name: string): Promise<number> => task(name, (socket) => socket.write(DOWN));
    const backends = { a: await down('a'), b: await down('b'), c: await down('c'), d: await down('d') };
    const retries = { attempts, on: [503], budgetPercent: 100 };
    await route(backends, { retries, ejection: { failures: 0 } });
    for (const answer of await answers(5)) expect(answer).toBe('503 from the task');
    expect(seen).toHaveLength(5 * attempts);
    expect(new Set(seen).size).toBe(5 * attempts);
  });
});

describe('attempts at targets that speak HTTP/2', () => {
  let engine: ProxyEngine;
  let port: number;
  const server = createHttp2Server((req, res) => void req.pipe(res));

  beforeEach(async () => {
    ({ engine, port } = await startEngine());
  });
  afterEach(async () => {
    await engine.stop(0);
    server.close();
  });

  it('pass over those that refuse at once, as with HTTP/1.1', async () => {
    const alive = await listen(server);
    const policy: RoutePolicy = { protocol: 'h2c', retries: { attempts: 1 } };
    const ports = await freePorts(9);
    for (let round = 1; round <= 6; round += 1) {
      // new tasks each time: nobody is left out yet
      const dead = Object.fromEntries(ports.map((each, at) => [`dead-${round}-${at}`, each]));
      await engine.swap(aTable(round, aService({ ...dead, alive }, { policy })));
      const answer = await ask({ port, method: 'POST', body: `pay ${round}` });
      expect(answer).toMatchObject({ status: 200, text: `pay ${round}` });
    }
    expect(engine.inFlight().size).toBe(0);
  });
});
