// What a change would do, found out by doing it in an imagined cluster. What is promised, if no task fails and nothing else changes: how it
// ends, the steps, how many of each app start, which instances stop, that no app has fewer healthy instances than its floor, and of
// waves that are `certain` their order and agents. Free host ports are not promised, and never how long starting and draining take.
import type { Foreseen } from '#libs/api-contract';
import type { App, Deployment, DeploymentId } from '#libs/model';
import type { Write } from '#libs/store';
import type { Clock } from '#libs/time';
import type { LoopMemory } from '../reconcile-loop.js';
import type { WorkingSet } from '../working-set.js';
import { gentlerStrategies, withStrategy } from './gentler.js';
import { ImaginedCluster, type Moment } from './imagined-cluster.js';

/** Real time that one plan may take, ms; others get their turns meanwhile. */
const PLAN_MS = 8_000;
/** Plans asked for at one time: the last one must be answered before its caller gives up (30 s), and each holds a copy of all books. */
const PLANS_MAX = 3;

export interface ForesightParts {
  readonly clock: Clock;
  /** What the reconcile loop has in mind now. */
  readonly memory: () => LoopMemory;
}

/** A change at the moment at which it was asked about. */
export interface Foreseeable {
  readonly deployment: Deployment;
  /** Rows of apps as the change makes them. */
  readonly apps: readonly App[];
  /** May take seconds. */
  foresee(): Promise<Foreseen>;
}

export class Foresight {
  readonly #parts: ForesightParts;
  #last: Promise<unknown> = Promise.resolve();
  #asked = 0;

  constructor(parts: ForesightParts) {
    this.#parts = parts;
  }

  /** `writes`: of the change, among them the row of its deployment. To be called in the turn in which they were decided. */
  of(writes: readonly Write[], id: DeploymentId, workingSet: WorkingSet, now: number): Foreseeable {
    const deployment = writes
      .flatMap((each) => (each.kind === 'put-deployment' ? [each.deployment] : []))
      .find((each) => each.id === id);
    if (!deployment) throw new Error(`the change has no deployment ${id}`);
    const apps = writes.flatMap((each) => (each.kind === 'put-app' ? [each.app] : []));
    if (deployment.status !== 'running')
      return { deployment, apps, foresee: () => Promise.resolve(NOTHING_TO_DO) };
    const moment = { state: workingSet.copy(), memory: this.#parts.memory(), now, writes, deployment };
    return { deployment, apps, foresee: () => this.#inTurn(moment) };
  }

  /** One at a time. */
  #inTurn(moment: Moment): Promise<Foreseen> {
    if (this.#asked >= PLANS_MAX) return Promise.resolve(TOO_MANY);
    this.#asked += 1;
    const made = this.#last.then(() => this.#foresee(moment));
    const done = (): void => {
      this.#asked -= 1;
    };
    this.#last = made.then(done, done);
    return made;
  }

  async #foresee(moment: Moment): Promise<Foreseen> {
    const { clock } = this.#parts;
    const until = clock.now() + PLAN_MS;
    const foreseen = await new ImaginedCluster(moment, clock, until).run();
    if (foreseen.fits !== false) return foreseen;
    const apps = new Set(foreseen.problems.map(({ appId }) => appId));
    const replaced = moment.deployment.changes.flatMap(({ appId, before, after }) =>
      before && after && apps.has(appId) ? [after] : [],
    );
    if (!replaced.length) return foreseen;
    for (const strategy of gentlerStrategies(replaced)) {
      if (clock.now() >= until) break;
      const gentle = { ...moment, ...withStrategy(moment, apps, strategy) };
      const { fits, outcome } = await new ImaginedCluster(gentle, clock, until).run();
      if (fits && outcome.kind === 'succeeds') {
        return { ...foreseen, fitsWith: { ...strategy, apps: replaced.map(({ spec }) => spec.id) } };
      }
    }
    return foreseen;
  }
}

const NOTHING: Omit<Foreseen, 'outcome' | 'fits'> = {
  waves: [],
  apps: [],
  agents: [],
  peak: { cpus: 0, mem: 0, disk: 0, instances: 0 },
  problems: [],
  waitsForRoom: [],
  alsoMoving: [],
};
const NOTHING_TO_DO: Foreseen = {
  ...NOTHING,
  outcome: { kind: 'succeeds', text: 'nothing that runs changes', seconds: 0 },
  fits: true,
};
const TOO_MANY: Foreseen = {
  ...NOTHING,
  outcome: {
    kind: 'unknown',
    text: 'too many plans are being made at the moment: ask again later',
    seconds: 0,
  },
  fits: null,
};
