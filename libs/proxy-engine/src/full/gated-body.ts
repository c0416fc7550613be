// Holds a request's body back until the connection to the task stands. http-proxy pipes at once, and what it has read from the
// client is gone when the connect fails; with the gate a refused connect can go on to the next target whatever the method.
import { Stream } from 'node:stream';
import type { ClientRequest, IncomingMessage } from 'node:http';

/** Handed to http-proxy as its `buffer`: the thing it pipes into the request it made. */
export class GatedBody extends Stream {
  /** Bytes of the body may have left: this request cannot be sent again. */
  consumed = false;
  /** The connection stands: a failure from now on is not a refused connect. */
  connected = false;
  readonly #body: IncomingMessage | undefined;
  readonly #onRequest: (upstream: ClientRequest) => void;

  /** `body`: the client's request, if it has one. `onRequest` gets http-proxy's request before anything of it is sent. */
  constructor(body: IncomingMessage | undefined, onRequest: (upstream: ClientRequest) => void) {
    super();
    this.#body = body;
    this.#onRequest = onRequest;
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    const upstream = destination as unknown as ClientRequest;
    this.#onRequest(upstream);
    upstream.once('socket', (socket) => {
      if (!socket.connecting) this.#open(upstream);
      else socket.once('connect', () => this.#open(upstream));
    });
    return destination;
  }

  #open(upstream: ClientRequest): void {
    this.connected = true;
    if (upstream.destroyed) return;
    if (!this.#body) {
      upstream.end();
      return;
    }
    this.consumed = true;
    this.#body.pipe(upstream);
  }
}
