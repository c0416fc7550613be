// One session with a control plane, from hello to its end: frames are taken one after the other, heartbeats go both ways every 3 s,
// silence of 10 s or any disorder ends it whole. What is lost with it is repeated in the next one.
import {
  HEARTBEAT_MS,
  PROTOCOL_VERSION,
  SESSION_DEAD_MS,
  type FromAgent,
  type ToAgent,
} from '#libs/agent-protocol';
import type { AgentInfo } from '#libs/model';
import type { Clock, Timer } from '#libs/time';
import { AssignmentIntake } from './assignment-intake.js';
import type { Identity } from './identity.js';
import type { InstanceSet } from './instance-set.js';
import type { LogStreams } from './log-streams.js';
import { wordsOf } from './pause.js';
import type { AgentLog, Connection, Network } from './seams.js';
import type { StatusReporter } from './status-reporter.js';

/** Frames taken in but not worked off; a control plane that sends faster than our disk writes is cut off and starts anew. */
const INBOX_FRAMES_MAX = 1_000;
/** Bytes waiting to go out; more means that the other side does not read. */
const BUFFERED_BYTES_MAX = 32 * 1024 * 1024;

export interface SessionEnd {
  readonly reason: string;
  readonly welcomed: boolean;
  /** Do not dial again. */
  readonly final: boolean;
  readonly leader?: string;
}

export interface SessionParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly log: AgentLog;
  readonly identity: Identity;
  readonly instances: InstanceSet;
  readonly reporter: StatusReporter;
  readonly logs: LogStreams;
  info(): AgentInfo;
  /** What has happened to tasks by now is reported when it resolves; rejects when that cannot be found out. */
  look(): Promise<void>;
  /** After welcome, before any assignment is taken. */
  opened(session: Session): void;
}

export class Session {
  readonly #parts: SessionParts;
  readonly #intake: AssignmentIntake;
  readonly #aborter = new AbortController();
  #connection: Connection | null = null;
  #end: ((end: SessionEnd) => void) | null = null;
  #welcomed = false;
  #heardAt: number;
  #timers: Timer[] = [];
  #inbox: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** When the control plane sent what was answered last, by its clock; 0: nothing was yet. Undefined: it does not say. */
  #answered: number | undefined;
  /** When it sent what is to be answered next. */
  #asked: number | undefined;
  #isLooking = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#intake = new AssignmentIntake(parts.instances);
    this.#heardAt = parts.clock.now();
  }

  /** Dials and stays until the session ends; never rejects. Use a session once. */
  async run(url: string): Promise<SessionEnd> {
    const over = new Promise<SessionEnd>((resolve) => (this.#end = resolve));
    this.#watchSilence();
    try {
      this.#connection = await this.#parts.network.open(
        url,
        { frame: (text) => this.#received(text), closed: (reason) => this.close(reason) },
        this.#aborter.signal,
      );
      if (this.#end) this.#hello();
      else this.#connection.close();
    } catch (error) {
      this.close(wordsOf(error));
    }
    return over;
  }

  /** Queues a frame; ends the session when the other side does not read. */
  send(frame: FromAgent): void {
    if (!this.#connection || !this.#end) return;
    if (this.#connection.bufferedBytes() > BUFFERED_BYTES_MAX)
      return this.close('the control plane does not read');
    this.#connection.send(JSON.stringify(frame));
  }

  /** Idempotent. */
  close(reason: string, more: { final?: boolean; leader?: string } = {}): void {
    const end = this.#end;
    if (!end) return;
    this.#end = null;
    this.#timers.forEach((each) => each.cancel());
    this.#parts.reporter.close();
    this.#parts.logs.closeAll();
    this.#aborter.abort();
    this.#connection?.close();
    const { final = false, leader } = more;
    end({ reason, welcomed: this.#welcomed, final, ...(leader === undefined ? {} : { leader }) });
  }

  #hello(): void {
    const { cluster, run, epoch } = this.#parts.identity.current;
    this.send({ type: 'hello', protocol: PROTOCOL_VERSION, cluster, agent: this.#parts.info(), run, epoch });
  }

  /** From the dial on: an open that hangs counts as silence too. */
  #watchSilence(): void {
    const { clock } = this.#parts;
    const look = (): void => {
      const silentMs = clock.now() - this.#heardAt;
      if (silentMs >= SESSION_DEAD_MS) return this.close(`nothing heard for ${SESSION_DEAD_MS / 1000} s`);
      this.#timers = [clock.after(SESSION_DEAD_MS - silentMs, look), ...this.#timers.slice(1)];
    };
    this.#timers = [clock.after(SESSION_DEAD_MS, look)];
  }

  #beat(): void {
    this.send({ type: 'heartbeat', ...(this.#answered === undefined ? {} : { heard: this.#answered }) });
    this.#armBeat();
  }

  #armBeat(): void {
    this.#timers[1]?.cancel();
    if (this.#end) this.#timers[1] = this.#parts.clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  /** Nobody may be told before the welcome. What is asked during a look needs another one, for a task may have ended in between. */
  #ask(at: number | undefined): void {
    if (at === undefined || !this.#welcomed) return;
    this.#asked = Math.max(at, this.#asked ?? 0);
    if (!this.#isLooking) void this.#answer();
  }

  /**
   * With a look at the tasks, for this process may have stood still while one ended; all that is known then is said first. A look that
   * hangs or fails leaves the question unanswered and holds up nothing else.
   */
  async #answer(): Promise<void> {
    this.#isLooking = true;
    try {
      for (let at = this.#asked; at !== undefined && this.#end; at = this.#asked) {
        this.#asked = undefined;
        await this.#parts.look();
        if (!this.#end) return;
        this.#answered = Math.max(at, this.#answered ?? 0);
        this.#parts.reporter.flush();
        this.#beat();
      }
    } catch (error) {
      this.#parts.log.debug({ error: wordsOf(error) }, 'the tasks could not be looked at');
    } finally {
      this.#isLooking = false;
    }
  }

  #received(text: string): void {
    if (!this.#end) return;
    this.#heardAt = this.#parts.clock.now();
    if ((this.#waiting += 1) > INBOX_FRAMES_MAX) return this.close('more frames than this agent can take');
    this.#inbox = this.#inbox.then(async () => {
      this.#waiting -= 1;
      if (!this.#end) return;
      try {
        await this.#take(JSON.parse(text) as ToAgent);
      } catch (error) {
        this.close(wordsOf(error));
      }
    });
  }

  async #take(frame: ToAgent): Promise<void> {
    if (frame.type === 'heartbeat') return this.#ask(frame.at);
    if (frame.type === 'refused') {
      const { reason, final, leader } = frame;
      return this.close(`refused: ${reason}`, { final, ...(leader === undefined ? {} : { leader }) });
    }
    if (frame.type === 'welcome') return this.#welcome(frame);
    if (!this.#welcomed) throw new Error(`${frame.type} came before welcome`);
    switch (frame.type) {
      case 'assignments': {
        const number = await this.#intake.take(frame);
        if (number !== null) this.send({ type: 'assignments-ack', number });
        return;
      }
      case 'statuses-ack':
        return this.#parts.reporter.acknowledge(frame.sequence);
      case 'log-request':
        return this.#parts.logs.open(frame, {
          send: (chunk) => this.send(chunk),
          bufferedBytes: () => this.#connection?.bufferedBytes() ?? 0,
        });
      case 'log-cancel':
        return this.#parts.logs.cancel(frame.request);
      default:
        // a newer control plane of the same protocol may say more than we know
        this.#parts.log.warn(
          { frame: (frame as { type?: unknown }).type },
          'a frame of an unknown type was ignored',
        );
    }
  }

  async #welcome(frame: Extract<ToAgent, { type: 'welcome' }>): Promise<void> {
    if (this.#welcomed) throw new Error('a second welcome in one session');
    if (frame.protocol !== PROTOCOL_VERSION) {
      const reason = `the control plane speaks protocol ${frame.protocol}, this agent ${PROTOCOL_VERSION}; install the same version of both`;
      return this.close(reason, { final: true });
    }
    const verdict = await this.#parts.identity.welcome(frame.cluster, frame.epoch);
    if (!this.#end) return;
    if (verdict.kind === 'refused') return this.close(verdict.reason, { final: verdict.final });
    this.#welcomed = true;
    this.#parts.opened(this);
    // the first heartbeat comes behind all statuses: it says that there are no more
    this.#parts.reporter.open(
      (statuses) => this.send(statuses),
      () => this.#begin(frame.at),
    );
  }

  /** Where it is asked, only the answer says that there are no more statuses. */
  #begin(at: number | undefined): void {
    if (at === undefined) return this.#beat();
    this.#answered ??= 0;
    this.#armBeat();
    this.#ask(at);
  }
}
