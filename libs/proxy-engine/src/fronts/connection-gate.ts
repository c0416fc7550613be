// How many connections of clients there may be: all together, so that file descriptors are left for targets, table and log, and for each
// client address. Counted until they are closed, whoever serves them meanwhile; so that this comes, each is probed when it says nothing.
import type { Socket } from 'node:net';
import { counted } from '#libs/model';
import { tooManyConnections } from '#libs/proxy-core';
import type { Clock, Timer } from '#libs/time';
import { clientKeyOf } from '../admission/addresses.js';
import { PROBE_AFTER_MS } from '../tcp/dial.js';

export interface ConnectionLimits {
  /** At once, in this process. Absent: as many as the system gives. */
  readonly most?: number;
  /** At once of one client address (of IPv6: of its /64). Absent: any number. */
  readonly perClient?: number;
}

export interface GateParts extends ConnectionLimits {
  readonly clock: Clock;
  /** Closes some connections that nobody is served on; returns how many. */
  readonly shed: () => number;
}

/** A warning stays for so long after its last cause. */
const WARN_MS = 60_000;
/** How often probes are asked for of new connections that are still there: four system calls, too many for those of one request. */
const LOOK_MS = 1_000;

interface Refused {
  count: number;
  at: number;
}

export class ConnectionGate {
  readonly #parts: GateParts;
  readonly #byClient = new Map<string, number>();
  readonly #refused: Record<'full' | 'client', Refused> = {
    full: { count: 0, at: -Infinity },
    client: { count: 0, at: -Infinity },
  };
  /** Probes have not been asked for yet. */
  readonly #young = new Set<Socket>();
  #look: Timer | undefined;
  #count = 0;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#count;
  }

  /** Counts it until it is closed; false: there is no room, and it is to be refused. */
  enter(socket: Socket): boolean {
    const { most = Infinity, shed } = this.#parts;
    // those that are shed close in a moment, their places count at once
    if (this.#count >= most && shed() === 0) return this.#refuse('full');
    this.#count += 1;
    this.#young.add(socket);
    this.#look ??= this.#parts.clock.after(LOOK_MS, () => this.#probe());
    socket.once('close', () => {
      this.#count -= 1;
      this.#young.delete(socket);
    });
    return true;
  }

  /** No connection is left that would have to be looked at: nothing keeps the process from ending. */
  close(): void {
    this.#look?.cancel();
    this.#look = undefined;
  }

  /** Here, for TLS, HTTP/2 and WebSockets wrap it: a client that vanished without a word must not stay in flight to its task. */
  #probe(): void {
    this.#look = undefined;
    for (const socket of this.#young) socket.setKeepAlive(true, PROBE_AFTER_MS);
    this.#young.clear();
  }

  /** The same for its client alone. */
  enterAs(socket: Socket, clientAddress: string): boolean {
    const { perClient } = this.#parts;
    if (perClient === undefined) return true;
    const client = clientKeyOf(clientAddress);
    const count = this.#byClient.get(client) ?? 0;
    if (count >= perClient) return this.#refuse('client');
    this.#byClient.set(client, count + 1);
    socket.once('close', () => {
      const left = (this.#byClient.get(client) ?? 1) - 1;
      if (left > 0) this.#byClient.set(client, left);
      else this.#byClient.delete(client);
    });
    return true;
  }

  warnings(): string[] {
    const { most = 0, perClient = 0 } = this.#parts;
    const full = this.#refused.full.count;
    return [
      ...this.#warning(
        'full',
        `the proxy has as many connections as its limit of open files allows (${most} in this process); ` +
          'raise the limit (LimitNOFILE= of its systemd unit, or ulimit -n); ' +
          `${counted(full, 'connection was', 'connections were')} refused so far`,
      ),
      ...this.#warning('client', tooManyConnections(perClient, this.#refused.client.count)),
    ];
  }

  #warning(kind: 'full' | 'client', text: string): string[] {
    return this.#parts.clock.now() - this.#refused[kind].at > WARN_MS ? [] : [text];
  }

  #refuse(kind: 'full' | 'client'): false {
    const refused = this.#refused[kind];
    refused.count += 1;
    refused.at = this.#parts.clock.now();
    return false;
  }
}
