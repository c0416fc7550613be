// Agents that do at once what they are told, and a proxy that confirms every table, in a thread of their own: what they see of the control
// plane, the longest silence and how long a status waits until it is stored, is not the busyness of the clients beside them.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';
import {
  PROTOCOL_VERSION,
  type Assignments,
  type FromAgent,
  type RoutesLine,
  type ToAgent,
} from '#libs/agent-protocol';
import type { Assignment, ClusterId, InstanceId, InstanceStatus } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import { ask } from './http-load.js';
import { AGENTS, agentInfoAt } from './large-cluster.js';

interface World {
  readonly url: string;
  readonly agentToken: string;
  readonly proxyToken: string;
  readonly cluster: ClusterId;
}
/** Since the last question. */
export interface Seen {
  /** Between two frames that an agent got. */
  readonly silenceMs: number;
  /** From a frame of statuses until it was acknowledged, of each. */
  readonly storedMs: readonly number[];
  /** Sessions that ended. */
  readonly ended: number;
  readonly welcomed: number;
  /** Tables that the proxy got, and their bytes. */
  readonly tables: number;
  readonly tableBytes: number;
}

export class WorkingAgents {
  readonly #worker: Worker;

  constructor(world: World) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: world });
  }

  async ask(): Promise<Seen> {
    const answered = once(this.#worker, 'message');
    this.#worker.postMessage('ask');
    const [seen] = (await answered) as [Seen];
    return seen;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

const REDIAL_MS = 1_000;
const STATUSES_PER_FRAME = 500;
let seen = { silenceMs: 0, ended: 0, welcomed: 0, tables: 0, tableBytes: 0 };
let storedMs: number[] = [];

class WorkingAgent {
  readonly #known = new Map<InstanceId, string>();
  readonly #sentAt: { readonly sequence: number; readonly at: number }[] = [];
  #socket: WebSocket | null = null;
  #sequence = 0;
  #heardAt: number | null = null;

  constructor(
    private readonly world: World,
    private readonly number: number,
  ) {
    this.#dial();
  }

  #dial(): void {
    const { url, agentToken, cluster } = this.world;
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v3/agents/session`, {
      headers: { authorization: `Bearer ${agentToken}` },
    });
    this.#socket = socket;
    socket.on('open', () => {
      const agent = agentInfoAt(this.number);
      this.#send({ type: 'hello', protocol: PROTOCOL_VERSION, cluster, agent, run: 1, epoch: 0 });
    });
    socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString()) as ToAgent));
    socket.on('close', () => {
      seen.ended += 1;
      // a new session is told everything
      this.#known.clear();
      this.#sentAt.length = 0;
      setTimeout(() => this.#dial(), REDIAL_MS);
    });
    // the close comes behind it
    socket.on('error', () => undefined);
  }

  #send(frame: FromAgent): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #take(frame: ToAgent): void {
    const now = performance.now();
    seen.silenceMs = Math.max(seen.silenceMs, now - (this.#heardAt ?? now));
    this.#heardAt = now;
    if (frame.type === 'welcome') seen.welcomed += 1;
    if (frame.type === 'welcome' || frame.type === 'heartbeat')
      this.#send({ type: 'heartbeat', ...(frame.at === undefined ? {} : { heard: frame.at }) });
    if (frame.type === 'assignments') this.#work(frame);
    if (frame.type !== 'statuses-ack') return;
    while (this.#sentAt[0] && this.#sentAt[0].sequence <= frame.sequence)
      storedMs.push(now - (this.#sentAt.shift()?.at ?? now));
  }

  #work({ number, items, removed }: Assignments): void {
    this.#send({ type: 'assignments-ack', number });
    for (const id of removed) this.#known.delete(id);
    const statuses = items.flatMap((each) => this.#follow(each) ?? []);
    for (let at = 0; at < statuses.length; at += STATUSES_PER_FRAME) {
      const batch = statuses.slice(at, at + STATUSES_PER_FRAME);
      this.#sentAt.push({ sequence: batch.at(-1)?.sequence ?? 0, at: performance.now() });
      this.#send({ type: 'statuses', items: batch });
    }
  }

  #follow({ instanceId, appId, taskId, incarnation, goal }: Assignment): InstanceStatus | null {
    const state = `${taskId} ${goal}`;
    if (this.#known.get(instanceId) === state) return null;
    this.#known.set(instanceId, state);
    const now = Date.now();
    this.#sequence += 1;
    return {
      ...{ instanceId, appId, taskId, incarnation, run: 1, sequence: this.#sequence },
      ...{ since: now, startedAt: now, health: [], accepting: goal === 'run', autonomous: false },
      ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
      ...(goal === 'run'
        ? { phase: 'running' }
        : { phase: 'ended', exit: { code: 143, requested: true, outOfMemory: false, message: 'stopped' } }),
    };
  }
}

/** One that serves nobody: it swaps and confirms. */
async function serveTables({ url, proxyToken, cluster }: World): Promise<void> {
  const headers = { authorization: `Bearer ${proxyToken}`, 'content-type': 'application/json' };
  let confirmed = { epoch: 0, number: 0 };
  const confirm = (): Promise<unknown> =>
    ask({
      url: `${url}/v3/proxies/bench-proxy`,
      method: 'POST',
      headers,
      body: JSON.stringify({
        ...{ cluster, address: '127.0.0.1:8000', epoch: confirmed.epoch, confirmed },
        ...{ inFlight: {}, warnings: [], leaving: false },
      }),
    });
  setInterval(() => void confirm(), 3_000);
  const stream = await fetch(`${url}/v3/routes?epoch=0&after=0`, { headers });
  let text: string[] = [];
  for await (const chunk of stream.body ?? []) {
    const [first = '', ...more] = Buffer.from(chunk as Uint8Array)
      .toString()
      .split('\n');
    text.push(first);
    for (const rest of more) {
      const line = text.join('');
      text = [rest];
      const read = JSON.parse(line) as RoutesLine<RouteTable>;
      if (read.type !== 'table') continue;
      seen.tables += 1;
      seen.tableBytes += line.length;
      confirmed = { epoch: read.table.epoch, number: read.table.number };
      void confirm();
    }
  }
}

if (!isMainThread) {
  const world = workerData as World;
  for (let agent = 0; agent < AGENTS; agent += 1) new WorkingAgent(world, agent);
  void serveTables(world);
  parentPort?.on('message', () => {
    parentPort?.postMessage({ ...seen, storedMs } satisfies Seen);
    seen = { ...seen, silenceMs: 0, tables: 0, tableBytes: 0 };
    storedMs = [];
  });
}
