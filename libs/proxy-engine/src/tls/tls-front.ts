// The HTTPS port: TLS towards clients, then HTTP/2 or HTTP/1.1 by what they agreed on (ALPN). The certificate is chosen by the name the
// client asks for; renewed ones are used by the next handshake, connections that stand go on.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { cannotOpen, whyNotOpen } from '#libs/proxy-core';
import type { Clock, Timer } from '#libs/time';
import { originOf, type Origin } from '../fronts/origin.js';
import type { OnNotice } from '../observe/notice.js';
import { listenHere, type Listen } from '../tcp/listen.js';
import { BACKLOG } from '../tcp/service-listeners.js';
import { CIPHERS, MIN_VERSION, type Certificate } from './certificate.js';
import { CertificateStore } from './certificate-store.js';

export interface TlsOptions {
  /** 0 = any free one. */
  readonly port: number;
  /** PEM files with chain and key, and folders of such. */
  readonly certificates: readonly string[];
}

export interface TlsFrontParts extends TlsOptions {
  readonly clock: Clock;
  readonly bind: string;
  /** Absent: it listens itself. */
  readonly listen?: Listen;
  readonly onNotice?: OnNotice;
  /** Counts the connection; false: there is no room for it. */
  readonly mayConnect: (socket: Socket) => boolean;
  readonly toHttp1: (client: Duplex, origin: Origin) => void;
  readonly toHttp2: (client: Duplex, origin: Origin) => void;
}

/** A client that does not finish its handshake by then is cut. */
const HANDSHAKE_MS = 10_000;
/** How long a session may be resumed. */
const SESSION_S = 3_600;
const TICKET_KEY_BYTES = 48;
const TICKET_KEY_MS = 12 * 3_600_000;

export class TlsFront {
  readonly #parts: TlsFrontParts;
  readonly #store: CertificateStore;
  readonly #server: Server;
  #ticketKeys = randomBytes(TICKET_KEY_BYTES);
  #rotation: Timer | undefined;
  #stopListening: (() => void) | undefined;

  constructor(parts: TlsFrontParts) {
    this.#parts = parts;
    this.#store = new CertificateStore({
      clock: parts.clock,
      paths: parts.certificates,
      ...(parts.onNotice ? { onNotice: parts.onNotice } : {}),
    });
    this.#server = createServer(
      {
        ALPNProtocols: ['h2', 'http/1.1'],
        SNICallback: (name, done) => done(null, this.#store.contextFor(name)),
        minVersion: MIN_VERSION,
        ciphers: CIPHERS,
        honorCipherOrder: true,
        handshakeTimeout: HANDSHAKE_MS,
        sessionTimeout: SESSION_S,
        noDelay: true,
        allowHalfOpen: true,
      },
      (socket) => this.#accept(socket),
    );
    this.#limitConnections();
    // a handshake that fails is the client's business: port scans, old protocols, foreign authorities
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** Resolves with the port; rejects when it is taken, or no certificate can be used. */
  async start(): Promise<number> {
    this.#store.start(() => this.#renew());
    this.#renew();
    this.#rotate();
    const { bind, port, listen = listenHere } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void =>
        reject(new Error(cannotOpen('HTTPS', bind, port, whyNotOpen(error)), { cause: error }));
      this.#server.once('error', failed);
      this.#stopListening = listen(this.#server, { port, host: bind, backlog: BACKLOG }, () => {
        this.#server.off('error', failed);
        // an accept that failed (no file descriptor left)
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Accepts no more; connections that stand belong to who got them. */
  stop(): void {
    this.#store.stop();
    this.#rotation?.cancel();
    this.#stopListening?.();
  }

  certificates(): readonly Certificate[] {
    return this.#store.all;
  }

  warnings(): string[] {
    return this.#store.warnings();
  }

  /** Before the handshake, which costs more than all else of a connection. */
  #limitConnections(): void {
    const accept = this.#server.listeners('connection');
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (socket: Socket) => {
      if (!this.#parts.mayConnect(socket)) socket.destroy();
      else for (const each of accept) each.call(this.#server, socket);
    });
  }

  /** For clients that name no server. Tickets stay good: sessions are resumed after a renewal, too. */
  #renew(): void {
    this.#server.setSecureContext({ ...this.#store.default.secret, ticketKeys: this.#ticketKeys });
  }

  /** A key that never changed would undo the forward secrecy of every session that was resumed with it. */
  #rotate(): void {
    this.#rotation = this.#parts.clock.after(TICKET_KEY_MS, () => {
      this.#ticketKeys = randomBytes(TICKET_KEY_BYTES);
      this.#server.setTicketKeys(this.#ticketKeys);
      this.#rotate();
    });
  }

  #accept(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    const origin = originOf(socket, { secure: true });
    if (socket.alpnProtocol === 'h2') this.#parts.toHttp2(socket, origin);
    else this.#parts.toHttp1(socket, origin);
  }
}
