// Real sockets and a real event loop whose turns are made long, as those of a proxy with hundreds of busy connections are.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { compileProgram, until } from '#libs/testkit';
import { COPIES, MoreAccepts, type MoreAcceptsOptions } from './more-accepts.js';

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

  async function listen(times: Pick<MoreAcceptsOptions, 'calmMs' | 'pauseMs'> = {}): Promise<number> {
    const at = { host: '127.0.0.1', port: 0, backlog: 1_024 };
    server = createServer((socket) => {
      open.push(socket);
      socket.on('error', () => undefined);
    });
    more = new MoreAccepts(server, { ...at, pauseMs: 500, ...times });
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
      const port = await listen({ calmMs: 1_000 });
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

  it(
    'goes on without copies where the process that makes them cannot be started, tries again after a pause only, and then has them',
    async () => {
      const own = Object.getOwnPropertyDescriptor(process, 'execPath') ?? {};
      let [tried, program] = [0, '/nonexistent/node'];
      Object.defineProperty(process, 'execPath', {
        configurable: true,
        get: () => {
          tried += 1;
          return program;
        },
      });
      try {
        const pauseMs = 3_000;
        const port = await listen({ pauseMs });
        beBusy();
        const since = performance.now();
        // enough to ask for nine times
        await burst(port, CLIENTS / 2);
        expect(tried).toBeGreaterThan(0);
        expect(tried).toBeLessThanOrEqual(1 + (performance.now() - since) / pauseMs);
        expect(more?.copies).toBe(0);
        program = String(own.value);
        const askAgain = async (): Promise<boolean> => {
          await burst(port, CLIENTS / 4);
          return (more?.copies ?? 0) > 0;
        };
        await until('copies', askAgain, { withinMs: 30_000 });
      } finally {
        Object.defineProperty(process, 'execPath', own);
      }
    },
    TIMEOUT_MS,
  );
});

/**
 * A server that accepts as the proxy does. Until it is told `free` it has no file left whenever it could ask for copies: what is left is taken
 * before that and given back after it. Says how many copies it has, and how often it has tried.
 */
const SERVER = `
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { MoreAccepts } from './libs/proxy-engine/src/tcp/more-accepts.js';
const { execPath } = process;
let [tried, isShort] = [0, true];
Object.defineProperty(process, 'execPath', { get: () => { tried += 1; return execPath; } });
const taken = [];
const server = createServer((socket) => {
  socket.on('error', () => undefined).resume();
  try {
    while (isShort) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
});
const more = new MoreAccepts(server, { pauseMs: 500 });
server.on('connection', (socket) => {
  for (const fd of taken.splice(0)) closeSync(fd);
  const end = performance.now() + ${TURN_MS};
  while (performance.now() < end);
  socket.end('served');
});
process.on('message', () => (isShort = false));
setInterval(() => process.send({ copies: more.copies, tried }), 50);
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => process.send({ port: server.address().port }));
`;

describe('a listener of a process that has no file left', () => {
  const program = mkdtempSync(join(tmpdir(), 'longrun-accepts-'));
  let child: ChildProcess | undefined;

  beforeAll(() => {
    compileProgram(program, ['libs/proxy-engine/src/tcp/more-accepts.ts']);
    writeFileSync(join(program, 'server.js'), SERVER);
  });
  afterAll(() => {
    child?.kill('SIGKILL');
    rmSync(program, { recursive: true, force: true });
  });

  it(
    'goes on, and has copies when there are files again',
    async () => {
      const said = { port: 0, copies: 0, tried: 0 };
      const command = `ulimit -n 128; exec "${process.execPath}" server.js`;
      child = spawn('sh', ['-c', command], { cwd: program, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      child.on('message', (told: object) => void Object.assign(said, told));
      let hasEnded = false;
      child.once('exit', () => (hasEnded = true));
      await until('its port', () => said.port > 0 || hasEnded, { withinMs: 30_000 });
      const crowd = async (until: () => boolean): Promise<void> => {
        while (!until() && !hasEnded)
          await Promise.all(Array.from({ length: 60 }, () => servedAt(said.port)));
      };
      await crowd(() => said.tried >= 3);
      expect([hasEnded, said.copies, await servedAt(said.port)]).toEqual([false, 0, 'served']);
      child.send('free');
      await crowd(() => said.copies === COPIES);
      expect([hasEnded, await servedAt(said.port)]).toEqual([false, 'served']);
    },
    TIMEOUT_MS,
  );
});

/** What a connection is told until its end. */
function servedAt(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    connect(port, '127.0.0.1')
      .on('data', (chunk: Buffer) => (text += chunk.toString()))
      .on('error', () => undefined)
      .on('close', () => resolve(text));
  });
}
