// Servers on loopback, and an HTTP client that hides nothing: no redirect is followed, no status is an error, no header is left out.
import { request, type Agent, type IncomingHttpHeaders } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Its port, which the kernel chose. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export interface TcpServer {
  readonly port: number;
  /** Breaks what is open, too. */
  close(): void;
}

/** Its connections may be half open: what ends them is up to `onConnection`. */
export async function tcpServer(onConnection: (socket: Socket) => void): Promise<TcpServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: await listen(server), close };
}

export interface Ask {
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  /** Host is `web.example` unless it is among them. */
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Without one the connection is the request's own. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** Of an answer; Node's own bound is below that of some of what is tested. */
const HEAD_BYTES_MAX = 64 * 1024;

/** One request; rejects when the connection breaks. */
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
        ...{ host: '127.0.0.1', port, path, method, agent: agent ?? false },
        headers: { host: 'web.example', ...headers },
        maxHeaderSize: HEAD_BYTES_MAX,
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
