// `longrun up` ends and takes its tasks along (decisions.md 25): every task is stopped in order, with routes removed and requests
// drained; desired state and backoff stay as they are, and nothing is launched until the next start of this process.
import { LongrunError } from '#libs/api-contract';
import { reasonWrites, requestStop } from '#libs/reconciler';
import type { Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';

export class Shutdown {
  #underWay = false;

  constructor(private readonly lane: Lane) {}

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

  /** Asks for the stop of all that runs; answers how many are left. Safe to repeat. */
  begin(): Promise<number> {
    this.#underWay = true;
    return this.lane.submit((workingSet, now) => {
      const cause = { kind: 'shutdown', text: 'Longrun ends; its tasks start again with it' } as const;
      const writes = [...workingSet.instances()]
        .filter(({ placed }) => placed)
        .flatMap((each) => {
          const verdict = requestStop(workingSet, each, cause, 'relaunch', now);
          return verdict.kind === 'granted' ? verdict.writes : [];
        });
      const reasons = reasonWrites(workingSet, [{ cause, writes }], now);
      return { writes: [...writes, ...reasons], value: this.left(workingSet) };
    });
  }

  /** Instances that may still be running. Those of lost agents do not count: nobody can stop them. */
  left(workingSet: WorkingSet): number {
    return [...workingSet.instances()].filter(
      ({ placed, agentId }) => placed && agentId && workingSet.agents.get(agentId)?.liveness !== 'lost',
    ).length;
  }
}
