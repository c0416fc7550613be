// A relay on loopback in front of Postgres' unix socket that can be cut, or swallow the answer to the next COMMIT.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export class StoreRelay {
  readonly #socketPath: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #swallowing = false;

  constructor(databaseUrl: string) {
    this.#socketPath = `${new URL(databaseUrl).searchParams.get('host')}/.s.PGSQL.5432`;
  }

  /** The same database, through the relay. */
  urlFor(databaseUrl: string): string {
    const { pathname, searchParams } = new URL(databaseUrl);
    return `postgres://${searchParams.get('user')}@127.0.0.1:${this.#port}${pathname}`;
  }

  swallowNextCommitAnswer(): void {
    this.#swallowing = true;
  }

  async listen(): Promise<void> {
    const server = createServer((client) => this.#relay(client));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Nobody listens any more, and open connections break. */
  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #relay(client: Socket): void {
    const postgres = connect(this.#socketPath);
    let swallow = false;
    client.on('data', (chunk) => {
      swallow ||= this.#swallowing && chunk.includes('commit\0');
      if (swallow) this.#swallowing = false;
      postgres.write(chunk);
    });
    postgres.on('data', (chunk) => (swallow ? client.destroy() : client.write(chunk)));
    for (const [socket, other] of [
      [client, postgres],
      [postgres, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
