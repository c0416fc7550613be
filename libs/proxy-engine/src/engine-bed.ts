// What the specs of this lib share: an engine on loopback, tables written short, a client that hides nothing.
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RouteService, RouteTable } from '#libs/routing';
import { SystemClock } from '#libs/time';
import { ProxyEngine, type ProxyEngineOptions } from './proxy-engine.js';

/** Ports of backends by task id. */
export type Backends = Readonly<Record<string, number>>;

export function aService(backends: Backends, more: Partial<RouteService> = {}): RouteService {
  return {
    appId: asAppId('/web'),
    portIndex: 0,
    mode: 'auto',
    hosts: ['web.example'],
    sticky: false,
    redirectToHttps: false,
    emptyReason: Object.keys(backends).length > 0 ? '' : '2 instances are starting',
    targets: Object.entries(backends).map(([task, port]) => ({
      taskId: asTaskId(task),
      instanceId: asInstanceId(`web.instance-${task}`),
      host: '127.0.0.1',
      port,
      suspect: false,
    })),
    ...more,
  };
}

export function aTable(number: number, ...services: RouteService[]): RouteTable {
  return { cluster: 'c', epoch: 1, number, madeAt: timestampOf(0), services };
}

/** Both ways that HTTP may take: what is asserted of one is asserted of the other. */
export const PATHS = [
  { path: 'fast', fastPath: true },
  { path: 'full', fastPath: false },
] as const;

/** An engine on a free main port, stopped by `stop`. */
export async function startEngine(
  options: Partial<ProxyEngineOptions> = {},
): Promise<{ engine: ProxyEngine; port: number }> {
  const engine = new ProxyEngine({
    clock: new SystemClock(),
    bind: '127.0.0.1',
    port: 0,
    appPaths: false,
    ...options,
  });
  return { engine, port: await engine.start() };
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export interface Ask {
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** One request with the Host header of the app; rejects when the connection breaks. */
export function ask({
  port,
  path = '/',
  method = 'GET',
  headers,
  body,
  agent,
  signal,
}: Ask): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        path,
        method,
        headers: { host: 'web.example', ...headers },
        agent: agent ?? false,
        ...(signal ? { signal } : {}),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
        );
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
