// Real sockets and a real event loop whose turns are made long, as those of a proxy with hundreds of busy connections are.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { COPIES, MoreAccepts } from './more-accepts.js';

const TURN_MS = 4;
const CLIENTS = 600;

/** A process is started, and this one is busy. */
const TIMEOUT_MS = 60_000;

const turns = (): number => performance.nodeTiming.uvMetricsInfo.loopCount;

describe('a listener with a full queue', () => {
  const open: Socket[] = [];
  let server: Server | undefined;
  let more: MoreAccepts | undefined;
  let isBusy = false;

  afterEach(async () => {
    isBusy = false;
    more?.close();
    for (const socket of open.splice(0)) socket.destroy();
    await new Promise<void>((resolve) => void server?.close(() => resolve()));
  });

  async function listen(calmMs?: number): Promise<number> {
    const at = { host: '127.0.0.1', port: 0, backlog: 1_024 };
    server = createServer((socket) => {
      open.push(socket);
      socket.on('error', () => undefined);
    });
    more = new MoreAccepts(server, { ...at, ...(calmMs === undefined ? {} : { calmMs }) });
    await new Promise<void>((resolve) => server?.listen(at, resolve));
    return (server.address() as AddressInfo).port;
  }

  /** Each turn of the event loop takes at least TURN_MS. */
  function beBusy(): void {
    isBusy = true;
    const turn = (): void => {
      const end = performance.now() + TURN_MS;
      while (performance.now() < end);
      if (isBusy) setImmediate(turn);
    };
    turn();
  }

  /** All at once; resolves with the turns it took to accept them. */
  async function burst(port: number, clients: number): Promise<number> {
    let accepted = 0;
    const onConnection = (): void => void (accepted += 1);
    server?.on('connection', onConnection);
    const from = turns();
    const made = Array.from({ length: clients }, () =>
      connect(port, '127.0.0.1').on('error', () => undefined),
    );
    open.push(...made);
    await until('all connections to be accepted', () => accepted === clients, { withinMs: 60_000 });
    server?.off('connection', onConnection);
    return turns() - from;
  }

  it(
    'is given copies, and accepts many connections in a turn instead of one',
    async () => {
      const port = await listen();
      beBusy();
      await burst(port, CLIENTS);
      await until('its copies', () => more?.copies === COPIES, { withinMs: 30_000 });
      // by a listener alone it would be as many turns as there are clients
      expect(await burst(port, CLIENTS)).toBeLessThan(CLIENTS / 4);
    },
    TIMEOUT_MS,
  );

  it(
    'has none as long as its queue is empty most of the time',
    async () => {
      const port = await listen();
      for (let each = 0; each < 100; each += 1) await burst(port, 1);
      expect(more?.copies).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'closes them after a time without need, and asks anew when there is need again',
    async () => {
      const port = await listen(1_000);
      beBusy();
      await burst(port, CLIENTS);
      isBusy = false;
      await until('its copies', () => more?.copies === COPIES, { withinMs: 30_000 });
      await until('the copies to be closed', () => more?.copies === 0);
      expect(await burst(port, 1)).toBeGreaterThan(0);
      beBusy();
      await burst(port, CLIENTS);
      await until('its copies, again', () => more?.copies === COPIES, { withinMs: 30_000 });
    },
    TIMEOUT_MS,
  );

  it(
    'accepts nothing after its close, also by copies that come late',
    async () => {
      const port = await listen();
      beBusy();
      await burst(port, CLIENTS);
      more?.close();
      server?.close();
      isBusy = false;
      const refused = await new Promise((resolve) => {
        connect(port, '127.0.0.1')
          .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
          .on('connect', () => resolve('connected'));
      });
      expect(refused).toBe('ECONNREFUSED');
      expect(more?.copies).toBe(0);
    },
    TIMEOUT_MS,
  );
});
