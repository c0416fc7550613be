// WebSockets that echo once a second and are opened again when they were closed. A close is in order when it comes with 1001 and no
// earlier than the drain time (less the moment that the proxy keeps for the closing itself) after its task, or its proxy, began to leave.
import { WebSocket } from 'ws';
import type { Front } from './requests.js';
import { Tally } from './tally.js';

const ECHO_MS = 1_000;
const ANSWER_MS = 15_000;
const GOING_AWAY = 1001;

export interface FlockOptions {
  readonly front: Front;
  readonly hosts: readonly string[];
  readonly count: number;
  /** When this task began to leave, ms since the epoch, and how long it has then; undefined: it did not. */
  readonly leaveOf: (task: string) => { readonly at: number; readonly drainMs: number } | undefined;
  /** The same of the process that holds the connection of this client's port. */
  readonly leaveOfProxy: (localPort: number) => { readonly at: number; readonly drainMs: number } | undefined;
}

/** What the proxy may take of the drain time for closing: at most 2 s and at most a quarter. */
const marginOf = (drainMs: number): number => Math.min(2_000, drainMs / 4);

export class Flock {
  readonly connections = new Tally('WebSockets');
  readonly echoes = new Tally('echoes over them');
  /** Closed with 1001 after the drain time. */
  drained = 0;
  readonly #options: FlockOptions;
  readonly #open = new Set<Member>();
  #stopping = false;

  constructor(options: FlockOptions) {
    this.#options = options;
    for (let at = 0; at < options.count; at += 1) this.#join(at);
  }

  get size(): number {
    return [...this.#open].filter(({ socket }) => socket.readyState === WebSocket.OPEN).length;
  }

  stop(): void {
    this.#stopping = true;
    for (const member of this.#open) {
      clearInterval(member.timer);
      this.connections.ok += 1;
      for (const sentAt of member.waiting.values())
        if (Date.now() - sentAt > ANSWER_MS) this.#lostEcho(member, sentAt, 'no echo');
      member.socket.terminate();
    }
  }

  #join(at: number): void {
    if (this.#stopping) return;
    const { front, hosts } = this.#options;
    const host = hosts[at % hosts.length] ?? '';
    const socket = new WebSocket(`ws://127.0.0.1:${front.http}/`, {
      ...{ headers: { host }, handshakeTimeout: ANSWER_MS, perMessageDeflate: false },
      finishRequest: (request) => {
        request.on('socket', (connection) =>
          connection.once('connect', () => (member.port = connection.localPort)),
        );
        request.end();
      },
    });
    const member: Member = { socket, startedAt: Date.now(), waiting: new Map(), task: '', port: undefined };
    this.connections.sent += 1;
    this.#open.add(member);
    let problem = '';
    let sequence = 0;
    socket.on('open', () => {
      member.timer = setInterval(() => this.#echo(member, String((sequence += 1))), ECHO_MS);
    });
    socket.on('message', (data) => this.#heard(member, String(data)));
    socket.on('error', (error) => (problem = error.message));
    socket.on('close', (code) => {
      clearInterval(member.timer);
      this.#open.delete(member);
      if (this.#stopping) return;
      this.#closed(member, code, problem);
      // at once when it was in order; otherwise a proxy that is down would be asked all the time
      setTimeout(() => this.#join(at), code === GOING_AWAY ? 0 : 250);
    });
  }

  #echo(member: Member, text: string): void {
    if (member.socket.readyState !== WebSocket.OPEN) return;
    for (const [known, sentAt] of member.waiting) {
      if (Date.now() - sentAt < ANSWER_MS) break;
      member.waiting.delete(known);
      this.#lostEcho(member, sentAt, `no echo within ${ANSWER_MS / 1000} s`);
    }
    this.echoes.sent += 1;
    member.waiting.set(text, Date.now());
    member.socket.send(text);
  }

  #heard(member: Member, text: string): void {
    if (text.startsWith('task ')) {
      member.task = text.slice(5);
      return;
    }
    const sentAt = member.waiting.get(text);
    if (sentAt === undefined) return this.#lostEcho(member, Date.now(), 'an echo of nothing that was sent');
    member.waiting.delete(text);
    this.echoes.succeeded(sentAt);
  }

  #closed(member: Member, code: number, problem: string): void {
    // what was said while the other side was closing needs no answer
    this.echoes.sent -= member.waiting.size;
    const { at, drainMs } = this.#leaveOf(member) ?? { at: Infinity, drainMs: 0 };
    const early = Date.now() - at < drainMs - marginOf(drainMs);
    if (code === GOING_AWAY && at !== Infinity && !early) {
      this.drained += 1;
      this.connections.ok += 1;
      return;
    }
    const why = member.task === '' ? 'not opened' : early ? `cut before its drain time` : 'cut';
    const how = `${why}, code ${code}${problem ? `, ${problem}` : ''}`;
    this.connections.failed(
      member.startedAt,
      at === Infinity ? `${how}, and its task did not leave` : how,
      member.port,
    );
  }

  #leaveOf({ task, port }: Member): { readonly at: number; readonly drainMs: number } | undefined {
    const { leaveOf, leaveOfProxy } = this.#options;
    const known = [leaveOf(task), port === undefined ? undefined : leaveOfProxy(port)];
    // whichever ends it first
    return known
      .filter((each) => each !== undefined)
      .sort((a, b) => a.at + a.drainMs - (b.at + b.drainMs))[0];
  }

  #lostEcho({ port }: Member, sentAt: number, why: string): void {
    this.echoes.failed(sentAt, why, port);
  }
}

interface Member {
  readonly socket: WebSocket;
  readonly startedAt: number;
  /** Text and when it was sent. */
  readonly waiting: Map<string, number>;
  /** Empty until it has spoken. */
  task: string;
  port: number | undefined;
  timer?: NodeJS.Timeout;
}
