// Agents that only keep their sessions: hello, acknowledgements, heartbeats. In a thread of their own, so that what they measure, the
// longest silence of the control plane, is not the busyness of the clients beside them.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { HEARTBEAT_MS, PROTOCOL_VERSION, type FromAgent, type ToAgent } from '#libs/agent-protocol';
import type { ClusterId } from '#libs/model';
import { AGENTS, agentInfoAt } from './large-cluster.js';

interface World {
  readonly url: string;
  readonly token: string;
  readonly cluster: ClusterId;
}
export interface Silence {
  readonly longestMs: number;
  /** Sessions that ended: each would be an agent that the control plane lost sight of. */
  readonly ended: number;
  readonly welcomed: number;
}

/** In the main thread: what the agents saw since the last question. */
export class SimulatedAgents {
  readonly #worker: Worker;

  constructor(world: World) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: world });
  }

  async ask(): Promise<Silence> {
    const answered = once(this.#worker, 'message');
    this.#worker.postMessage('ask');
    const [silence] = (await answered) as [Silence];
    return silence;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

function keepSessions({ url, token, cluster }: World): void {
  let [longestMs, ended, welcomed] = [0, 0, 0];
  const heardAt: number[] = [];
  for (let agent = 0; agent < AGENTS; agent += 1) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v3/agents/session`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const send = (frame: FromAgent): void => socket.send(JSON.stringify(frame));
    socket.on('open', () => {
      const info = agentInfoAt(agent);
      send({ type: 'hello', protocol: PROTOCOL_VERSION, cluster, agent: info, run: 1, epoch: 0 });
      setInterval(() => send({ type: 'heartbeat' }), HEARTBEAT_MS);
    });
    socket.on('message', (data: Buffer) => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - (heardAt[agent] ?? now));
      heardAt[agent] = now;
      const frame = JSON.parse(data.toString()) as ToAgent;
      if (frame.type === 'welcome') welcomed += 1;
      if (frame.type === 'assignments') send({ type: 'assignments-ack', number: frame.number });
    });
    socket.on('close', () => (ended += 1));
    socket.on('error', () => (ended += 1));
  }
  parentPort?.on('message', () => {
    parentPort?.postMessage({ longestMs, ended, welcomed } satisfies Silence);
    longestMs = 0;
  });
}

if (!isMainThread) keepSessions(workerData as World);
