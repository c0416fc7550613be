// The two endpoints of a control plane that a proxy talks to, and tables of any size. It skips tables for a proxy that is behind, as the
// real one does (libs/control-core, RouteSubscription): what is written next is the newest.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Report {
  readonly confirmed: { readonly number: number };
}

export class TableSource {
  readonly #server: Server;
  /** The newest table that each was sent. */
  readonly #streams = new Map<ServerResponse, number>();
  readonly #makeTable: (number: number) => string;
  readonly #madeAt = new Map<number, number>();
  #number = 1;
  #confirmed = 0;
  #written = 0;
  /** ms from a table's making until it, or a later one, was confirmed; of those that were written. */
  readonly latencies: number[] = [];

  constructor(makeTable: (number: number) => string) {
    this.#makeTable = makeTable;
    this.#server = createServer((req, res) => {
      if (req.method === 'GET') this.#stream(res);
      else {
        let body = '';
        req.on('data', (chunk: Buffer) => (body += chunk.toString()));
        req.on('end', () => {
          this.#confirm((JSON.parse(body) as Report).confirmed.number);
          res.end(JSON.stringify({ cluster: 'c1', epoch: 1, number: this.#number }));
        });
      }
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The route table has changed. */
  change(): void {
    this.#number += 1;
    for (const stream of this.#streams.keys()) if (!stream.writableNeedDrain) this.#write(stream);
  }

  get number(): number {
    return this.#number;
  }
  get confirmed(): number {
    return this.#confirmed;
  }
  /** Tables that were sent, of all that there were. */
  get written(): number {
    return this.#written;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #stream(res: ServerResponse): void {
    res.writeHead(200, { 'content-type': 'application/x-ndjson' });
    res.on('drain', () => {
      if ((this.#streams.get(res) ?? 0) < this.#number) this.#write(res);
    });
    res.on('close', () => this.#streams.delete(res));
    const beat = setInterval(() => res.write('{"type":"heartbeat","epoch":1}\n'), 3_000);
    res.on('close', () => clearInterval(beat));
    this.#write(res);
  }

  #write(stream: ServerResponse): void {
    this.#written += 1;
    this.#streams.set(stream, this.#number);
    this.#madeAt.set(this.#number, performance.now());
    stream.write(`{"type":"table","table":${this.#makeTable(this.#number)}}\n`);
  }

  #confirm(number: number): void {
    this.#confirmed = Math.max(this.#confirmed, number);
    for (const [made, at] of this.#madeAt) {
      if (made > number) continue;
      this.latencies.push(performance.now() - at);
      this.#madeAt.delete(made);
    }
  }
}

/**
 * JSON of `apps` of ten targets each on these ports; from number to number one app after the other gets new tasks. Only what has
 * changed is written anew: this process must not be the slowest of the run.
 */
export function tableOf(apps: number, ports: readonly number[]): (number: number) => string {
  const services = Array.from({ length: apps }, (_, app) => serviceOf(app, 0, ports));
  return (number) => {
    const app = number % apps;
    services[app] = serviceOf(app, number, ports);
    const head = `"cluster":"c1","epoch":1,"number":${number},"madeAt":"2026-01-01T00:00:00.000Z"`;
    return `{${head},"services":[${services.join(',')}]}`;
  };
}

function serviceOf(app: number, change: number, ports: readonly number[]): string {
  return JSON.stringify({
    appId: `/bench/app-${app}`,
    portIndex: 0,
    mode: 'auto',
    hosts: [`app-${app}.example`],
    sticky: false,
    redirectToHttps: false,
    emptyReason: '',
    targets: Array.from({ length: 10 }, (_, target) => ({
      taskId: `bench_app-${app}.instance-${target}._app.${change}`,
      instanceId: `bench_app-${app}.instance-${target}`,
      host: '127.0.0.1',
      port: ports[target % ports.length],
      suspect: false,
    })),
  });
}
