import { beforeEach, describe, expect, it } from '@jest/globals';
import { HEARTBEAT_MS, SESSION_DEAD_MS, type Hello, type LogChunk, type ToAgent } from '#libs/agent-protocol';
import { asAgentId, asAppId, asInstanceId, asTaskId, type InstanceStatus } from '#libs/model';
import { MemoryStore, type Commit, type CommitResult } from '#libs/store';
import { ControlCore } from '../control-core.js';
import { ScriptedCluster } from '../scripted-cluster.js';
import type { AgentLink, AgentSession } from './agent-session.js';
import { AgentSessions } from './agent-sessions.js';

/** What the session does to its connection, in order; the other side answers only when the spec does. */
class WrittenLink implements AgentLink {
  isOpen = true;
  unsent = 0;
  readonly frames: ToAgent[] = [];
  /** `pause`, `resume`, `close: REASON`, `cut`. */
  readonly acts: string[] = [];

  unsentBytes(): number {
    return this.unsent;
  }
  send(frame: ToAgent): void {
    this.frames.push(frame);
  }
  pause(): void {
    this.acts.push('pause');
  }
  resume(): void {
    this.acts.push('resume');
  }
  close(reason: string): void {
    this.isOpen = false;
    this.acts.push(`close: ${reason}`);
  }
  cut(): void {
    this.isOpen = false;
    this.acts.push('cut');
  }
  types(): string[] {
    return this.frames.map(({ type }) => type);
  }
}

/** Its commits wait until they are let go. */
class HeldStore extends MemoryStore {
  #held: (() => void)[] | null = null;

  hold(): void {
    this.#held = [];
  }
  letOneGo(): void {
    this.#held?.shift()?.();
  }
  letGo(): void {
    const waiting = this.#held ?? [];
    this.#held = null;
    for (const go of waiting) go();
  }
  override async commit(commit: Commit): Promise<CommitResult> {
    const held = this.#held;
    if (held) await new Promise<void>((go) => held.push(go));
    return super.commit(commit);
  }
}

const WEB = asAppId('/web');
const AGENT = asAgentId('agent-1');

let cluster: ScriptedCluster;
let store: HeldStore;
let sessions: AgentSessions;
let warnings: string[];
const log = {
  info: () => undefined,
  warn: (_fields: object, message: string) => void warnings.push(message),
  error: () => undefined,
};

beforeEach(async () => {
  warnings = [];
  cluster = new ScriptedCluster();
  store = new HeldStore(cluster.store);
  await cluster.boot(store);
  sessions = new AgentSessions({ core: cluster.core, log });
});

const hello = (more: Partial<Hello> = {}): Hello => ({
  type: 'hello',
  protocol: 1,
  cluster: null,
  run: 1,
  epoch: 0,
  agent: cluster.agent.info,
  ...more,
});
const open = (): { link: WrittenLink; session: AgentSession } => {
  const link = new WrittenLink();
  return { link, session: sessions.open(link) };
};
async function welcomed(more: Partial<Hello> = {}): Promise<{ link: WrittenLink; session: AgentSession }> {
  const opened = open();
  opened.session.take(hello(more));
  await cluster.settle();
  expect(opened.link.types()).toEqual(['welcome', 'assignments']);
  return opened;
}
const status = (sequence: number): InstanceStatus => ({
  instanceId: asInstanceId('web.1'),
  appId: WEB,
  taskId: asTaskId('web.1.1'),
  incarnation: 1,
  run: 1,
  sequence,
  phase: 'running',
  since: cluster.clock.now(),
  health: [],
  accepting: true,
  ipAddresses: [],
  autonomous: false,
});
/** Of an instance that is in no book, so that its commit has an event and goes to the store. */
const ended = (sequence: number): InstanceStatus => ({ ...status(sequence), phase: 'ended' });

describe('a hello', () => {
  it('is answered with the cluster, the epoch and the whole set', async () => {
    const { link, session } = await welcomed();
    expect(link.frames[0]).toMatchObject({ cluster: cluster.core.cluster, epoch: cluster.core.state.epoch });
    expect(link.frames[1]).toMatchObject({ number: 1, full: true, more: false, items: [] });
    expect(session.agent).toBe(AGENT);
    expect(sessions.connected).toBe(1);
  });

  it('ends the session when it is the second one', async () => {
    const { link, session } = await welcomed();
    session.take(hello());
    await cluster.settle();
    expect(link.acts).toEqual(['close: a second hello']);
    expect(warnings).toEqual(['agent session ends: a second hello']);
  });

  it('is refused by a standby, with the address of the leader', async () => {
    const standby = new ControlCore({
      store: cluster.store.connect(),
      clock: cluster.clock,
      ids: cluster.ids,
      log,
      cluster: cluster.core.cluster,
      address: '127.0.0.2:8080',
      seat: 'host-1/127.0.0.2:8080/',
      servicePorts: { from: 10_000, to: 10_010 },
      checkDisk: () => undefined,
      publisher: {
        events: () => undefined,
        officeLost: () => undefined,
        cutOff: () => undefined,
        epochChanged: () => undefined,
      },
    });
    await standby.start();
    const link = new WrittenLink();
    new AgentSessions({ core: standby, log }).open(link).take(hello());
    await cluster.settle();
    expect(link.frames).toEqual([
      {
        type: 'refused',
        reason: 'this control plane does not lead at the moment',
        final: false,
        leader: 'http://127.0.0.1:8080',
      },
    ]);
    expect(link.acts).toEqual(['close: refused']);
  });

  it('of another protocol is refused for good, and nothing is assigned', async () => {
    const { link, session } = open();
    session.take(hello({ protocol: 9 }));
    await cluster.settle();
    expect(link.frames).toEqual([expect.objectContaining({ type: 'refused', final: true })]);
    expect(link.acts).toEqual(['close: refused']);
    expect(sessions.connected).toBe(0);
    expect(warnings).toEqual(['agent refused']);
  });

  it('of an agent that is here already ends its older session, and the end of that one leaves the newer', async () => {
    const older = await welcomed();
    const newer = await welcomed();
    expect(older.link.acts).toEqual(['close: another session of this agent began']);
    older.session.linkClosed();
    expect(sessions.connected).toBe(1);
    await cluster.core.apps.create({ id: WEB, cmd: 'serve' }, false, { clientIp: '', uri: '/v2/apps' });
    await cluster.advance(1_000);
    expect(newer.link.types()).toEqual(['welcome', 'assignments', 'assignments']);
    expect(older.link.types()).toEqual(['welcome', 'assignments']);
  });

  it('that is accepted after its link was closed begins nothing', async () => {
    const { link, session } = open();
    store.hold();
    session.take(hello());
    await cluster.settle();
    link.cut();
    session.linkClosed();
    store.letGo();
    await cluster.settle();
    expect(link.frames).toEqual([]);
    expect(sessions.connected).toBe(0);
  });
});

describe('what an agent says', () => {
  it('ends its session when it cannot be read', async () => {
    const { link, session } = await welcomed();
    session.take(null);
    expect(link.acts).toEqual(['close: a frame could not be read']);
    await cluster.advance(500);
    expect(link.acts).toHaveLength(1);
    await cluster.advance(500);
    expect(link.acts).toEqual(['close: a frame could not be read', 'cut']);
  });

  it('counts for nothing before its hello', async () => {
    const { link, session } = open();
    session.take({ type: 'statuses', items: [ended(1)] });
    session.take({ type: 'agent-update', agent: cluster.agent.info, diskLow: true });
    await cluster.settle();
    expect([link.frames, link.acts]).toEqual([[], []]);
    expect(cluster.types()).not.toContain('unknown_instance_terminated_event');
  });

  it('is acknowledged after its commit, up to the highest sequence of the frame', async () => {
    const { link, session } = await welcomed();
    store.hold();
    session.take({ type: 'statuses', items: [ended(7), ended(3)] });
    await cluster.settle();
    expect(link.types()).not.toContain('statuses-ack');
    store.letGo();
    await cluster.settle();
    expect(link.frames.at(-1)).toEqual({ type: 'statuses-ack', sequence: 7 });
  });

  it('is read no further while 64 frames wait for their commit', async () => {
    const { link, session } = await welcomed();
    store.hold();
    for (let sequence = 1; sequence < 64; sequence += 1) {
      session.take({ type: 'statuses', items: [ended(sequence)] });
    }
    expect(link.acts).toEqual([]);
    session.take({ type: 'statuses', items: [ended(64)] });
    await cluster.settle();
    expect(link.acts).toEqual(['pause']);
    store.letGo();
    await cluster.settle();
    expect(link.acts[1]).toBe('resume');
    expect(link.acts.at(-1)).toBe('resume');
    expect(link.frames.filter(({ type }) => type === 'statuses-ack')).toHaveLength(64);
  });

  it('is known up to the time at which what it answers was sent, however late that comes', async () => {
    const { link, session } = await welcomed();
    const toldUntil = (): number => cluster.core.agents.toldUntil(AGENT);
    const [welcome] = link.frames;
    const at = welcome?.type === 'welcome' ? welcome.at : undefined;
    expect(at).toBe(cluster.clock.now());
    cluster.clock.advance(2_000);
    session.take({ type: 'heartbeat', heard: at ?? 0 });
    cluster.clock.advance(0);
    expect(toldUntil()).toBe(at);
    cluster.clock.advance(HEARTBEAT_MS - 2_000);
    const asked = link.frames.at(-1);
    expect(asked).toEqual({ type: 'heartbeat', at: cluster.clock.now() });
    const now = cluster.clock.now();
    cluster.clock.advance(1_500);
    session.take({ type: 'heartbeat', heard: now });
    cluster.clock.advance(0);
    expect(toldUntil()).toBe(now);
    // no agent knows the future
    session.take({ type: 'heartbeat', heard: now + 60_000 });
    cluster.clock.advance(0);
    expect(toldUntil()).toBe(cluster.clock.now());
  });

  it('is asked for through its newest session only', async () => {
    const first = await welcomed();
    const second = await welcomed();
    const asks = ({ link }: typeof first): number =>
      link.frames.filter(({ type }) => type === 'heartbeat').length;
    const before = [asks(first), asks(second)];
    first.session.linkClosed();
    cluster.core.agents.awaitWord(WEB, [AGENT]);
    expect([asks(first), asks(second)]).toEqual([before[0], (before[1] ?? 0) + 1]);
    second.session.linkClosed();
    cluster.core.agents.told(AGENT, cluster.clock.now());
    cluster.core.agents.awaitWord(WEB, [AGENT]);
    expect([asks(first), asks(second)]).toEqual([before[0], (before[1] ?? 0) + 1]);
  });

  it('is known up to its heartbeat once all that arrived with that, before or behind it, is stored', async () => {
    const { session } = await welcomed();
    const toldUntil = (): number => cluster.core.agents.toldUntil(AGENT);
    const at = cluster.clock.now();
    store.hold();
    session.take({ type: 'heartbeat' });
    // what came behind it may be a crash that is older than the time at which both are read
    session.take({ type: 'statuses', items: [ended(1)] });
    expect(toldUntil()).toBe(0);
    cluster.clock.advance(10);
    await cluster.settle();
    expect(toldUntil()).toBe(0);
    store.letGo();
    await cluster.settle();
    expect(toldUntil()).toBe(at);
    cluster.clock.advance(10);
    session.take({ type: 'heartbeat' });
    cluster.clock.advance(0);
    expect(toldUntil()).toBe(at + 20);
  });

  it('is known up to its heartbeat when what came before is stored, whatever comes behind it meanwhile', async () => {
    const { session } = await welcomed();
    const heard = cluster.clock.now();
    store.hold();
    session.take({ type: 'statuses', items: [ended(1)] });
    session.take({ type: 'heartbeat', heard });
    cluster.clock.advance(10);
    session.take({ type: 'statuses', items: [ended(2)] });
    await cluster.settle();
    expect(cluster.core.agents.toldUntil(AGENT)).toBe(0);
    store.letOneGo();
    await cluster.settle();
    expect(cluster.core.agents.toldUntil(AGENT)).toBe(heard);
    store.letGo();
    await cluster.settle();
  });

  it('is stored before what the agent let go of behind it counts', async () => {
    const { session } = await welcomed();
    const other = asInstanceId('web.2');
    const hasLetGo = (): boolean => cluster.core.assignments.hasLetGo(AGENT, other);
    store.hold();
    session.take({ type: 'statuses', items: [ended(1)] });
    session.take({ type: 'assignments-ack', number: 1 });
    await cluster.settle();
    expect(hasLetGo()).toBe(false);
    store.letGo();
    await cluster.settle();
    expect(hasLetGo()).toBe(true);
    session.linkClosed();
    expect(hasLetGo()).toBe(false);
  });

  it('is stored, all of it, before what the agent let go of behind it counts, which waits for nothing that came later', async () => {
    const { link, session } = await welcomed();
    const seen = (): [hasLetGo: boolean, acks: number] => [
      cluster.core.assignments.hasLetGo(AGENT, asInstanceId('web.2')),
      link.frames.filter(({ type }) => type === 'statuses-ack').length,
    ];
    store.hold();
    session.take({ type: 'statuses', items: [ended(1)] });
    await cluster.settle();
    session.take({ type: 'statuses', items: [ended(2)] });
    session.take({ type: 'assignments-ack', number: 1 });
    store.letOneGo();
    await cluster.settle();
    expect(seen()).toEqual([false, 1]);
    session.take({ type: 'statuses', items: [ended(3)] });
    store.letOneGo();
    await cluster.settle();
    expect(seen()).toEqual([true, 2]);
    store.letGo();
    await cluster.settle();
  });

  it('behind statuses that are stored after the end of its session is left to the next one', async () => {
    const { session } = await welcomed();
    store.hold();
    session.take({ type: 'statuses', items: [ended(1)] });
    session.take({ type: 'assignments-ack', number: 1 });
    session.take({ type: 'heartbeat' });
    cluster.clock.advance(0);
    session.end('declared lost by a person');
    store.letGo();
    await cluster.settle();
    expect(cluster.core.agents.toldUntil(AGENT)).toBe(0);
    expect(cluster.core.assignments.hasLetGo(AGENT, asInstanceId('web.2'))).toBe(false);
  });

  it('ends its session, unacknowledged, when it cannot be stored', async () => {
    const { link, session } = await welcomed();
    await cluster.core.stop();
    session.take({ type: 'statuses', items: [ended(1)] });
    session.take({ type: 'assignments-ack', number: 1 });
    await cluster.settle();
    expect(link.acts).toContain('close: statuses could not be handled');
    expect(link.types()).not.toContain('statuses-ack');
    expect(cluster.core.assignments.hasLetGo(AGENT, asInstanceId('web.2'))).toBe(false);
  });
});

describe('a session', () => {
  it('sends heartbeats, and is cut when the agent is silent', async () => {
    const { link, session } = await welcomed();
    for (let beat = 0; beat < 5; beat += 1) {
      session.take({ type: 'heartbeat' });
      await cluster.advance(HEARTBEAT_MS);
    }
    expect(link.types().slice(2)).toEqual(Array.from({ length: 5 }, () => 'heartbeat'));
    expect(link.acts).toEqual([]);
    await cluster.advance(SESSION_DEAD_MS + HEARTBEAT_MS);
    expect(link.acts).toEqual(['cut']);
    session.linkClosed();
    expect(sessions.connected).toBe(0);
  });

  it('is cut when the agent does not read 64 MiB', async () => {
    const { link } = await welcomed();
    link.unsent = 64 * 1024 * 1024;
    await cluster.advance(HEARTBEAT_MS);
    expect([link.types().at(-1), link.acts]).toEqual(['heartbeat', []]);
    link.unsent += 1;
    await cluster.advance(HEARTBEAT_MS);
    expect(link.acts).toEqual(['cut']);
    expect(link.types()).toHaveLength(3);
  });

  it('says nothing more once its link is gone', async () => {
    const { link, session } = await welcomed();
    session.linkClosed();
    await cluster.core.apps.create({ id: WEB, cmd: 'serve' }, false, { clientIp: '', uri: '/v2/apps' });
    await cluster.advance(2 * HEARTBEAT_MS);
    sessions.endAll('a new epoch began');
    expect(link.types()).toEqual(['welcome', 'assignments']);
    expect(link.acts).toEqual([]);
  });

  it('of a named agent, or each one, greeted or not, is ended for a reason', async () => {
    const [greeted, silent] = [await welcomed(), open()];
    sessions.endSession(asAgentId('agent-9'), 'nobody');
    sessions.endSession(AGENT, 'declared lost by a person');
    expect(greeted.link.acts).toEqual(['close: declared lost by a person']);
    sessions.endAll('a new epoch began');
    expect(silent.link.acts).toEqual(['close: a new epoch began']);
  });
});

describe('a log', () => {
  const request = {
    request: 'r1',
    instanceId: asInstanceId('web.1'),
    taskId: asTaskId('web.1.1'),
    stream: 'stdout',
    from: 0,
    follow: true,
  } as const;
  const chunk = (text: string, end: boolean): LogChunk => ({ type: 'log-chunk', request: 'r1', text, end });

  it('of an agent that is not connected cannot be read', () => {
    expect(sessions.readLog(AGENT, request, () => undefined)).toBeNull();
  });

  it('goes to its reader until it ends', async () => {
    const { link, session } = await welcomed();
    const read: LogChunk[] = [];
    const cancel = sessions.readLog(AGENT, request, (each) => read.push(each));
    expect(link.frames.at(-1)).toEqual({ type: 'log-request', ...request });
    session.take(chunk('a', false));
    session.take(chunk('b', true));
    session.take(chunk('late', false));
    await cluster.settle();
    expect(read.map(({ text }) => text)).toEqual(['a', 'b']);
    cancel?.();
    expect(link.frames.at(-1)).toEqual({ type: 'log-request', ...request });
  });

  it('is cancelled once', async () => {
    const { link } = await welcomed();
    const cancel = sessions.readLog(AGENT, request, () => undefined);
    cancel?.();
    cancel?.();
    expect(link.types().slice(2)).toEqual(['log-request', 'log-cancel']);
  });

  it('ends with a reason when the link is gone', async () => {
    const { session } = await welcomed();
    const read: LogChunk[] = [];
    sessions.readLog(AGENT, request, (each) => read.push(each));
    session.linkClosed();
    expect(read).toEqual([{ ...chunk('', true), error: 'the agent is not connected' }]);
  });
});
