// One engine in a process of its own (`--expose-gc`, and IPC) for `http2-rounds.ts`; `bare`: node:http2 alone in its place. Says its port, and
// whenever it is asked what it still holds once its garbage is collected.
import { readdirSync } from 'node:fs';
import { createServer as createTarget } from 'node:http';
import { connect as connectHttp2, createServer, type Http2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import { ProxyEngine } from '#libs/proxy-engine';
import { SystemClock } from '#libs/time';

export interface Held {
  /** JS objects of sessions, of clients and to targets, and what node has beside them. */
  readonly sessions: number;
  readonly native: number;
  readonly rssMb: number;
  readonly fds: number;
}

const listen = (server: Server): Promise<number> =>
  new Promise((done) => server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)));

async function engine(): Promise<number> {
  const target = createTarget((req, res) => {
    req.resume();
    res.end('x'.repeat(200_000));
  });
  const made = new ProxyEngine({ clock: new SystemClock(), bind: '127.0.0.1', port: 0, appPaths: false });
  const port = await made.start();
  const one = {
    taskId: asTaskId('bench_app-0.instance-0._app.1'),
    instanceId: asInstanceId('bench_app-0.instance-0'),
    ...{ host: '127.0.0.1', port: await listen(target), suspect: false },
  };
  await made.swap({
    ...{ cluster: 'bench', epoch: 1, number: 1, madeAt: timestampOf(0) },
    services: [
      {
        ...{
          appId: asAppId('/bench/app-0'),
          portIndex: 0,
          mode: 'http',
          hosts: ['app-0.example'],
          sticky: false,
        },
        ...{ redirectToHttps: false, emptyReason: '', targets: [one] },
      },
    ],
  });
  return port;
}

function bare(): Promise<number> {
  const server = createServer((req, res) => {
    req.on('error', () => undefined);
    res.on('error', () => undefined);
    res.end('x'.repeat(200_000));
  });
  server.on('sessionError', () => undefined);
  return listen(server);
}

type Made = new () => object;

/** The classes of sessions; node names none of them. */
async function classes(): Promise<{ session: Made; native: Made }> {
  const server = createServer();
  const session: Http2Session = connectHttp2(`http://127.0.0.1:${await listen(server)}`);
  await new Promise((done) => session.once('remoteSettings', done));
  const handle = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle');
  const native = (session as unknown as Record<symbol, object>)[handle ?? Symbol()];
  const found = {
    session: Object.getPrototypeOf(session.constructor) as Made,
    native: (native ?? {}).constructor as Made,
  };
  await new Promise<void>((done) => session.close(done));
  await new Promise((done) => server.close(done));
  return found;
}

async function hold({ session, native }: Awaited<ReturnType<typeof classes>>): Promise<Held> {
  // what is held until something else has been collected goes with the next
  for (let each = 0; each < 10; each += 1) {
    globalThis.gc?.();
    await turn();
    await pause(20);
  }
  const count = (made: Made): number => Number(queryObjects(made, { format: 'count' }));
  return {
    // less the prototypes of its two classes
    sessions: count(session) - 2,
    native: count(native),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    fds: readdirSync('/proc/self/fd').length,
  };
}

const known = await classes();
const port = await (process.argv[2] === 'bare' ? bare() : engine());
process.on('message', () => void hold(known).then((held) => process.send?.(held)));
process.once('disconnect', () => process.exit());
process.send?.(port);
