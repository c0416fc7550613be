// The admin endpoint of a proxy: metrics, its table and how old it is, what goes where. Reads only; for people and Prometheus on this host.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import {
  mergeInFlight,
  mergeStanding,
  mergeTotals,
  prometheusText,
  type ProcessSnapshot,
} from '#libs/proxy-engine';
import {
  latencyQuantile,
  LATENCY_BUCKETS,
  TRAFFIC_ABORTS,
  TRAFFIC_COUNTS,
  type TrafficSeries,
} from '#libs/agent-protocol';
import { whyNotOpen } from '#libs/proxy-core';
import type { RoutePolicy, RouteTable } from '#libs/routing';

export interface AdminSource {
  /** One per process that answers in time. */
  snapshots(): Promise<readonly ProcessSnapshot[]>;
  table(): Promise<RouteTable | null>;
}

export interface AdminAddress {
  readonly bind: string;
  readonly port: number;
}

export class AdminServer {
  readonly #server: Server;
  readonly #source: AdminSource;
  readonly #address: AdminAddress;

  constructor(source: AdminSource, address: AdminAddress) {
    this.#source = source;
    this.#address = address;
    this.#server = createServer({ maxHeaderSize: 8 * 1024, requestTimeout: 10_000 }, (req, res) => {
      this.#answer(req, res).catch(() => res.destroy());
    });
    this.#server.maxConnections = 100;
    this.#server.keepAliveTimeout = 5_000;
  }

  /** Resolves with the port, or with the reason why there is none: a proxy without it serves all the same. */
  start(): Promise<{ readonly port: number } | { readonly problem: string }> {
    const { bind, port } = this.#address;
    return new Promise((resolve) => {
      this.#server.once('error', (error) =>
        resolve({
          problem: `the admin endpoint ${bind}:${port} cannot be opened: ${whyNotOpen(error)}; choose another --proxy-admin-port, or 0 for none`,
        }),
      );
      this.#server.listen({ host: bind, port }, () => {
        const address = this.#server.address();
        resolve({ port: typeof address === 'object' && address !== null ? address.port : port });
      });
      this.#server.unref();
    });
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (!isOwnHost(req.headers.host))
      return send(res, 403, 'text/plain', 'ask by an address, not by a name\n');
    if (req.method !== 'GET' && req.method !== 'HEAD') return send(res, 405, 'text/plain', 'only GET\n');
    switch ((req.url ?? '/').split('?')[0]) {
      case '/ping':
        return send(res, 200, 'text/plain', 'pong\n');
      case '/metrics':
        return send(res, 200, 'text/plain; version=0.0.4', prometheusText(await this.#source.snapshots()));
      case '/table':
        return json(res, await this.#table());
      case '/traffic':
        return json(res, trafficOf(await this.#source.snapshots()));
      default:
        return send(res, 404, 'text/plain', 'there are /metrics, /table, /traffic and /ping\n');
    }
  }

  async #table(): Promise<object> {
    const [snapshots, table] = await Promise.all([this.#source.snapshots(), this.#source.table()]);
    return {
      workers: snapshots.map(({ table: state }) => state),
      table: table && { ...table, services: table.services.map(withoutSecrets) },
    };
  }
}

/** A page of the web must not read it by a name that it lets point here. */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}

function withoutSecrets<Service extends { readonly policy?: RoutePolicy; readonly traffic?: object }>(
  service: Service,
): Service {
  const { policy } = service;
  if (!policy) return service;
  const hidden = {
    ...policy,
    ...(policy.auth
      ? { auth: { ...policy.auth, users: policy.auth.users.map((user) => ({ ...user, secret: '…' })) } }
      : {}),
    ...(policy.requestHeaders
      ? {
          requestHeaders: policy.requestHeaders.map((edit) =>
            edit.value === undefined ? edit : { ...edit, value: '…' },
          ),
        }
      : {}),
  };
  return { ...service, policy: hidden };
}

function trafficOf(snapshots: readonly ProcessSnapshot[]): object {
  const inFlight = mergeInFlight(snapshots);
  return {
    workers: snapshots.length,
    standing: mergeStanding(snapshots),
    series: mergeTotals(snapshots).map((each) => ({
      ...summary(each),
      inFlight: inFlight[each.taskId ?? ''] ?? 0,
    })),
  };
}

function summary({ counts, aborted, latency, ...names }: TrafficSeries): object {
  const buckets = new Float64Array(LATENCY_BUCKETS);
  for (let at = 0; at + 1 < latency.length; at += 2) buckets[latency[at] ?? 0] = latency[at + 1] ?? 0;
  const ms = (share: number): number | null => latencyQuantile(buckets, share) ?? null;
  return {
    ...names,
    ...Object.fromEntries(TRAFFIC_COUNTS.map((name, at) => [name, counts[at] ?? 0])),
    aborted: Object.fromEntries(TRAFFIC_ABORTS.map((by, at) => [by, aborted?.[at] ?? 0])),
    ...{ p50Ms: ms(0.5), p95Ms: ms(0.95), p99Ms: ms(0.99) },
  };
}

const json = (res: ServerResponse, body: object): void =>
  send(res, 200, 'application/json', `${JSON.stringify(body)}\n`);

function send(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(body);
}
