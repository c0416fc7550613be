// The agent's probes: answered by whoever listens at that address and port of the host at that moment, which may be another task than
// the one that is meant. An answer takes no time; silence takes as long as the probe waits.
import type { HttpAnswer, HttpProbe, HttpQuestion, Probes, TcpProbe } from '#libs/agent-core';
import type { ProbeOutcome } from '#libs/lifecycle';
import type { SimProcess } from '../engine/sim-process.js';
import type { Reply } from './sim-task.js';

/** What can be asked on the host itself. */
export interface Asked {
  http(address: string, port: number, path: string): Reply;
  tcp(address: string, port: number): Reply;
  /** The checker itself is cut off from all that it should check. */
  readonly isBlind: boolean;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

const WORDS: Readonly<Record<number, string>> = { 404: 'Not Found', 500: 'Internal Server Error' };

export class SimulatedProbes implements Probes {
  constructor(
    private readonly process: SimProcess,
    private readonly asked: Asked,
  ) {}

  async http(probe: HttpProbe, signal: AbortSignal): Promise<ProbeOutcome> {
    const reply = await this.#get(probe, probe.path, signal);
    if (reply.kind !== 'answer') return { kind: 'failure', cause: causeOf(reply, probe) };
    const { status } = reply;
    if (status >= 200 && status < 400) return { kind: 'success' };
    return { kind: 'failure', cause: `${status} ${WORDS[status] ?? ''}`.trim() };
  }

  async ask(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
    const reply = await this.#get(question, question.path, signal);
    if (reply.kind === 'answer') {
      const body = question.bodyBytesMax ? `status ${reply.status}`.slice(0, question.bodyBytesMax) : '';
      return { kind: 'answer', status: reply.status, contentType: 'text/plain', body };
    }
    const connected = reply.kind === 'silent' && reply.connected;
    return { kind: 'none', cause: causeOf(reply, question), connected };
  }

  async tcp(probe: TcpProbe, signal: AbortSignal): Promise<ProbeOutcome> {
    const { asked } = this;
    const reply = await this.#reply(probe, signal, () => asked.tcp(probe.host, probe.port));
    return reply.kind === 'answer'
      ? { kind: 'success' }
      : { kind: 'failure', cause: causeOf(reply, probe, 'connection') };
  }

  #get(target: Target, path: string, signal: AbortSignal): Promise<Reply> {
    return this.#reply(target, signal, () => this.asked.http(target.host, target.port, path));
  }

  #reply({ timeoutMs }: Target, signal: AbortSignal, ask: () => Reply): Promise<Reply> {
    const reply: Reply = this.asked.isBlind ? { kind: 'silent', connected: false } : ask();
    if (reply.kind !== 'silent') return Promise.resolve(reply);
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve(reply);
      };
      const timer = this.process.clock.after(timeoutMs, done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }
}

function causeOf(reply: Reply, { host, port, timeoutMs }: Target, what = 'answer'): string {
  if (reply.kind === 'refused') return `connection refused (${host}:${port})`;
  return `no ${what} within ${timeoutMs / 1000} s (${host}:${port})`;
}
