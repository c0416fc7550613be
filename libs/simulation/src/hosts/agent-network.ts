// The agent's Network over the simulated one: what the real one (apps/agent) does with a WebSocket.
import type { Connection, ConnectionEvents, Network } from '#libs/agent-core';
import type { FromAgent, ToAgent } from '#libs/agent-protocol';
import type { SimNetwork } from '../engine/network.js';
import type { SimProcess } from '../engine/sim-process.js';

export const AGENT_SESSION_PATH = '/v3/agents/session';
const HANDSHAKE_MS = 8_000;

export class AgentNetwork implements Network {
  constructor(
    private readonly process: SimProcess,
    private readonly network: SimNetwork,
    /** Assignments of a session of this epoch were taken. */
    private readonly followed: (epoch: number) => void = () => undefined,
  ) {}

  async open(url: string, events: ConnectionEvents, signal: AbortSignal): Promise<Connection> {
    const address = addressOf(url);
    const dial = new AbortController();
    const abort = (): void => dial.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    let isLate = false;
    let epoch: number | null = null;
    const timer = this.process.clock.after(HANDSHAKE_MS, () => {
      isLate = true;
      abort();
    });
    try {
      const endpoint = await this.network.connect(
        this.process,
        address,
        AGENT_SESSION_PATH,
        {
          message: (text) => {
            // welcome or refused comes first, and is short
            epoch ??= epochOf(JSON.parse(text) as ToAgent);
            events.frame(text);
          },
          closed: (reason) => events.closed(reason),
        },
        dial.signal,
      );
      return {
        send: (frame) => {
          if (epoch !== null && isConfirmation(frame)) this.followed(epoch);
          endpoint.send(frame);
        },
        bufferedBytes: () => endpoint.unsentBytes(),
        close: () => endpoint.close('closed by the agent'),
      };
    } catch (error) {
      throw isLate ? new Error('Opening handshake has timed out') : error;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
  }
}

const epochOf = (frame: ToAgent): number | null => (frame.type === 'welcome' ? frame.epoch : null);
const isConfirmation = (frame: string): boolean =>
  frame.length < 100 && (JSON.parse(frame) as FromAgent).type === 'assignments-ack';

/** `host:port` of a base URL; rejects what a WebSocket would reject. */
function addressOf(url: string): string {
  const match = /^https?:\/\/([^/:]+)(?::(\d+))?\/?$/.exec(url);
  if (!match) throw new Error(`Invalid URL: ${url}`);
  const [, host = '', port = '80'] = match;
  return `${host}:${port}`;
}
