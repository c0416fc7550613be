// What the specs of the fast path share: clients and tasks that speak raw bytes and keep all that they hear.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface RawTask {
  readonly port: number;
  /** Connections it ever had. */
  readonly sockets: Socket[];
  /** All it heard, in latin1, by connection. */
  readonly heard: string[];
  close(): void;
}

/** `onData` is called with each piece's socket and all that this connection has heard since it last said something. */
export async function rawTask(
  onData: (socket: Socket, heard: string, nth: number) => void = () => undefined,
): Promise<RawTask> {
  const sockets: Socket[] = [];
  const heard: string[] = [];
  const server: Server = createServer((socket) => {
    const nth = sockets.push(socket) - 1;
    heard[nth] = '';
    let since = 0;
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      heard[nth] += data.toString('latin1');
      const said = socket.bytesWritten;
      onData(socket, heard[nth]?.slice(since) ?? '', nth);
      if (socket.bytesWritten > said) since = heard[nth]?.length ?? 0;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    heard,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export class RawClient {
  readonly socket: Socket;
  text = '';
  ended = false;
  closed = false;
  error: string | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (data) => (this.text += data.toString('latin1')));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('error', (error) => (this.error = 'code' in error ? String(error.code) : error.message));
    this.socket.on('close', () => (this.closed = true));
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Until it has heard this. */
  async hears(what: string | RegExp): Promise<string> {
    const isThere = (): boolean =>
      typeof what === 'string' ? this.text.includes(what) : what.test(this.text);
    while (!isThere()) {
      if (this.closed)
        throw new Error(`closed (${this.error}) before ${String(what)}; heard: ${this.text.slice(0, 500)}`);
      await this.#something();
    }
    return this.text;
  }

  async isClosed(): Promise<string> {
    while (!this.closed) await this.#something();
    return this.text;
  }

  #something(): Promise<unknown> {
    return new Promise((resolve) => {
      const once = (): void => {
        this.socket.off('data', once).off('close', once);
        resolve(undefined);
      };
      this.socket.on('data', once).on('close', once);
    });
  }
}

export const get = (path = '/', more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: web.example\r\n${more}\r\n`;
export const post = (body: string, more = ''): string =>
  `POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
export const ok = (body = 'ok', more = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
