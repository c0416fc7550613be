// `longrun up` ends and takes its tasks along (decisions.md 25): every task is stopped in order, with routes removed and requests
// drained; desired state and backoff stay as they are, and nothing is launched until the next start of this process.
import { LongrunError } from '#libs/api-contract';
import type { AgentId } from '#libs/model';
import { reasonWrites, requestStop } from '#libs/reconciler';
import { AGENT_LOST_MS, type AgentRegistry } from '../agent-registry.js';
import type { Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';

/** One that is not heard, and has tasks. */
export interface AwayAgent {
  readonly id: AgentId;
  readonly hostname: string;
  readonly tasks: number;
  /** It may come back yet. False: it was silent for so long that its tasks are left to it. */
  readonly awaited: boolean;
}

export interface ShutdownProgress {
  /** Tasks to wait for. Those of agents that are not awaited do not count: nobody can stop them. */
  readonly left: number;
  readonly away: readonly AwayAgent[];
}

export class Shutdown {
  #underWay = false;

  constructor(
    private readonly lane: Lane,
    private readonly agents: Pick<AgentRegistry, 'silent'>,
  ) {}

  /** True from the first request until the process ends. */
  get isUnderWay(): boolean {
    return this.#underWay;
  }

  /** Throws while it is under way: what is deployed now would be stopped at once (decisions.md 25). */
  refuseDeploys(): void {
    if (this.#underWay) {
      throw new LongrunError('overloaded', 'Longrun is shutting down. Deploy again once it runs.');
    }
  }

  /**
   * Asks for the stop of all that runs where somebody hears it. Tasks of a silent agent stay as they are: a stop that is stored for them
   * would end all of them at once when it is back under the next leader. Repeat it: agents come back while it is under way.
   */
  begin(): Promise<void> {
    this.#underWay = true;
    return this.lane.submit((workingSet, now) => {
      const cause = { kind: 'shutdown', text: 'Longrun ends; its tasks start again with it' } as const;
      const away = new Set(this.#away(workingSet).map(({ id }) => id));
      const writes = [...workingSet.instances()]
        .filter(({ placed, agentId }) => placed && !(agentId && away.has(agentId)))
        .flatMap((each) => {
          const verdict = requestStop(workingSet, each, cause, 'relaunch', now);
          return verdict.kind === 'granted' ? verdict.writes : [];
        });
      const reasons = reasonWrites(workingSet, [{ cause, writes }], now);
      return { writes: [...writes, ...reasons], value: undefined };
    });
  }

  progress(workingSet: WorkingSet): ShutdownProgress {
    const tasks = new Map<AgentId, number>();
    for (const { placed, agentId } of workingSet.instances())
      if (placed && agentId) tasks.set(agentId, (tasks.get(agentId) ?? 0) + 1);
    const away = this.#away(workingSet).flatMap((agent) => {
      const count = tasks.get(agent.id);
      return count === undefined ? [] : [{ ...agent, tasks: count }];
    });
    const givenUp = away.filter(({ awaited }) => !awaited);
    return { left: sum(tasks.values()) - sum(givenUp.map((each) => each.tasks)), away };
  }

  /**
   * The host brake leaves an agent that fell silent with others `disconnected` for ever: it keeps tasks from being started elsewhere,
   * and nothing is started any more.
   */
  #away(workingSet: WorkingSet): readonly Omit<AwayAgent, 'tasks'>[] {
    const lost = [...workingSet.agents.values()]
      .filter(({ liveness }) => liveness === 'lost')
      .map(({ info }) => ({ id: info.id, hostname: info.hostname, awaited: false }));
    const silent = this.agents
      .silent(workingSet)
      .map(({ id, hostname, silentMs }) => ({ id, hostname, awaited: silentMs < AGENT_LOST_MS }));
    return [...silent, ...lost];
  }
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0);
