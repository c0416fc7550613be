// Anything may happen in any order: crashes, lost sessions, restarts of the agent, new assignments, sets that come late. Always: at most one
// task of an instance runs. In the end, with a session and quiet: exactly what the control plane wants runs, and it knows.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asInstanceId, type Assignment, type InstanceId, type InstanceStatus } from '#libs/model';
import { AgentBench, anAssignment } from './fixtures/agent-bench.js';

const IDS = ['a', 'b'].map((name) => asInstanceId(`shop_web.instance-${name}`));

type Happening =
  | { readonly kind: 'crash' | 'stop' | 'launch' | 'replace'; readonly at: number }
  | { readonly kind: 'drop' | 'restart' | 'unreachable' | 'reachable' }
  | { readonly kind: 'wait'; readonly ms: number };

// mostly a quiet network, or nothing would ever be said
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('crash' as const, 'stop' as const, 'launch' as const, 'replace' as const),
      at: fc.nat(1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 5, 400, 6_000, 15_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('drop' as const, 'restart' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('unreachable' as const, 'reachable' as const, 'reachable' as const),
    }),
  },
);

/** The control plane's half, reduced to what matters here: it takes over newer incarnations and goes on from what ended. */
class Wishes {
  readonly bench = new AgentBench();
  readonly #wanted = new Map<InstanceId, Assignment>();
  #seen = 0;

  set(): readonly Assignment[] {
    return [...this.#wanted.values()];
  }

  learn(): void {
    const statuses = this.bench.sessions.flatMap((each) => each.statuses());
    for (const status of statuses.slice(this.#seen)) this.#takeOver(status);
    this.#seen = statuses.length;
  }

  #takeOver({ instanceId, incarnation, taskId, autonomous }: InstanceStatus): void {
    const wanted = this.#wanted.get(instanceId);
    if (wanted && autonomous && incarnation >= wanted.incarnation)
      this.#wanted.set(instanceId, { ...wanted, incarnation, taskId });
  }

  /** Only what the control plane was told to have ended is started anew. */
  launch(id: InstanceId): void {
    this.learn();
    const before = this.#wanted.get(id);
    const status = this.#newest(id);
    const over = status?.phase === 'ended' && status.taskId === before?.taskId;
    if (!before || over) this.#put(anAssignment({ id, incarnation: (before?.incarnation ?? 0) + 1 }));
  }

  /** A newer incarnation although the older one may run: the agent stops that first. */
  replace(id: InstanceId): void {
    this.learn();
    const before = this.#wanted.get(id);
    if (before) this.#put(anAssignment({ id, incarnation: before.incarnation + 1 }));
  }

  stop(id: InstanceId): void {
    this.learn();
    const before = this.#wanted.get(id);
    if (before) this.#put({ ...before, goal: 'stop' });
  }

  #newest(id: InstanceId): InstanceStatus | undefined {
    return this.bench.sessions
      .flatMap((each) => each.statuses())
      .filter((each) => each.instanceId === id)
      .at(-1);
  }

  #put(assignment: Assignment): void {
    this.#wanted.set(assignment.instanceId, assignment);
    this.refresh();
    const { session } = this.bench;
    if (this.bench.agent.connected) session.change([assignment]);
  }

  refresh(): void {
    this.bench.automatic = { epoch: 1, set: this.set() };
  }
}

async function happens(wishes: Wishes, what: Happening): Promise<void> {
  const { bench } = wishes;
  const id = 'at' in what ? (IDS[what.at] as InstanceId) : null;
  if (what.kind === 'crash' && id) {
    const task = bench.runtime.running().find((each) => each.startsWith(id.replace('.instance', '')));
    if (task) bench.runtime.crash(task);
  }
  if (what.kind === 'launch' && id) wishes.launch(id);
  if (what.kind === 'replace' && id) wishes.replace(id);
  if (what.kind === 'stop' && id) wishes.stop(id);
  if (what.kind === 'unreachable' || what.kind === 'reachable') bench.reachable = what.kind === 'reachable';
  if (what.kind === 'drop' || what.kind === 'unreachable') bench.sessions.at(-1)?.drop();
  if (what.kind === 'restart') {
    await bench.stop();
    await bench.start();
  }
  wishes.learn();
  wishes.refresh();
  await bench.run(what.kind === 'wait' ? what.ms : 1);
}

/** Of every launch that really happened: the runtime must never have had two of one instance. */
function runningTwice(bench: AgentBench): readonly string[] {
  const launches = new Map(bench.runtime.started.map((each) => [each.taskId, each.instanceId]));
  const owners = bench.runtime.running().map((task) => launches.get(task));
  return owners.filter((owner, at) => owners.indexOf(owner) !== at) as string[];
}

/** Tasks that the agent started by itself: those of the spec are named otherwise. */
const ownStarts = (bench: AgentBench): number =>
  bench.runtime.started.filter((each) => !each.taskId.includes('.task-')).length;

describe('whatever happens', () => {
  it('no instance ever runs twice, and in the end what is wanted runs and is known', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 25 }), async (happenings) => {
        const wishes = new Wishes();
        const { bench } = wishes;
        wishes.refresh();
        await bench.start();
        for (const what of happenings) {
          const before = {
            session: bench.sessions.at(-1),
            connected: bench.agent.connected,
            own: ownStarts(bench),
          };
          await happens(wishes, what);
          if (before.connected && bench.agent.connected && bench.sessions.at(-1) === before.session)
            expect(ownStarts(bench)).toBe(before.own);
          expect(runningTwice(bench)).toEqual([]);
        }
        bench.reachable = true;
        for (let round = 0; round < 4; round += 1) {
          await bench.run(5_000);
          wishes.learn();
          wishes.refresh();
          bench.session.drop();
        }
        await bench.run(5_000);
        for (const wanted of wishes.set()) {
          const status = bench.session.status(wanted.instanceId);
          expect(status?.incarnation).toBe(wanted.incarnation);
          const runs = bench.runtime.running().includes(status?.taskId ?? wanted.taskId);
          expect(status?.phase).toBe(runs ? 'running' : 'ended');
          if (wanted.goal === 'stop') expect(runs).toBe(false);
        }
        await bench.stop();
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
