// What people ask of the cluster, as their clients do: of whoever leads, again and again for a while when nobody does or the answer
// does not come. What was answered with success is told, for it must never be lost.
import { LongrunError } from '#libs/api-contract';
import { livingApp, type ControlCore, type StartedDeployment } from '#libs/control-core';
import { asAppId, type AppId, type Cause } from '#libs/model';
import { toDefinition } from '../scenario/definition.js';
import type { Deed } from '../scenario/scenario.js';
import type { Timeline } from '../engine/timeline.js';
import type { AcknowledgedChange } from '../promises/watch.js';

/** Between two tries, and how many there are. */
const AGAIN_MS = 1_500;
const TRIES = 8;
/** A call that is not answered by then is taken for lost. */
const ANSWER_MS = 10_000;

export type Wish = Extract<
  Deed,
  {
    readonly do: 'deploy' | 'scale' | 'restart' | 'remove' | 'remove-group' | 'roll-back' | 'cancel' | 'kill';
  }
>;
type SharedTraffic = Extract<Deed, { readonly do: 'share-traffic' }>;
interface EndOfShares {
  readonly do: 'end-shares';
  readonly app: string;
}
type Call = Wish | SharedTraffic | EndOfShares;

export interface PeopleParts {
  readonly timeline: Timeline;
  readonly leader: () => ControlCore | null;
  readonly note: (text: string) => void;
  readonly count: (what: string) => void;
  readonly acknowledged: (change: AcknowledgedChange) => void;
  /** All that anybody deploys in this run. */
  readonly apps: readonly AppId[];
}

type Verdict =
  | { readonly kind: 'done'; readonly change: AcknowledgedChange | null }
  | { readonly kind: 'refused' | 'again'; readonly why: string };

export class People {
  readonly #parts: PeopleParts;
  /** Apps that somebody is removing, or taking the creation of back; as often as people do. */
  readonly #removals: AppId[] = [];

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  ask(wish: Wish): void {
    void this.#carryThrough(wish);
  }

  async #carryThrough(wish: Wish): Promise<void> {
    const mayGo = this.#mayRemove(wish);
    for (const app of mayGo) {
      this.#removals.push(app);
      this.#acknowledge({ app, version: null });
    }
    await this.#try(wish, Infinity, 1);
    for (const app of mayGo) this.#removals.splice(this.#removals.indexOf(app), 1);
  }

  #mayRemove(wish: Wish): readonly AppId[] {
    if (wish.do === 'remove' || wish.do === 'roll-back') return [asAppId(wish.app)];
    if (wish.do !== 'remove-group') return [];
    return this.#parts.apps.filter((app) => app.startsWith(`${wish.group}/`));
  }

  /** What is deployed between two tries of a removal may go with the next one, and a try may take effect although its answer is lost. */
  #acknowledge({ app, version }: AcknowledgedChange): void {
    this.#parts.acknowledged({ app, version: this.#removals.includes(app) ? null : version });
  }

  /** Whoever shares traffic also ends it, however long nobody leads then: shares that are forgotten hold a rollout for good. */
  share(deed: SharedTraffic): void {
    const { timeline } = this.#parts;
    // one that is late must not set again what was taken away
    void this.#try(deed, timeline.now + deed.forMs - AGAIN_MS - ANSWER_MS, 1);
    timeline.after(
      deed.forMs,
      () => void this.#try({ do: 'end-shares', app: deed.app }, Infinity, -Infinity),
    );
  }

  /** Not again after `until`, true time. Resolves when it is not tried any more. */
  async #try(wish: Call, until: number, attempt: number): Promise<void> {
    const { note, count, timeline } = this.#parts;
    const verdict = await this.#once(wish);
    const what = `${wish.do} ${wish.do === 'remove-group' ? wish.group : wish.app}`;
    if (verdict.kind === 'done') {
      count(`people ${wish.do}`);
      note(`${what}: done${verdict.change?.version ? `, version ${verdict.change.version}` : ''}`);
      if (verdict.change) this.#acknowledge(verdict.change);
      return;
    }
    note(`${what}: ${verdict.why}`);
    if (verdict.kind !== 'again' || attempt >= TRIES || timeline.now >= until) return count('people refused');
    await new Promise<void>((resolve) => void timeline.after(AGAIN_MS, resolve));
    await this.#try(wish, until, attempt + 1);
  }

  #once(wish: Call): Promise<Verdict> {
    const core = this.#parts.leader();
    if (!core) return Promise.resolve({ kind: 'again', why: 'nobody leads' });
    return new Promise((resolve) => {
      const timer = this.#parts.timeline.after(ANSWER_MS, () => resolve({ kind: 'again', why: 'no answer' }));
      const end = (verdict: Verdict): void => {
        timer.cancel();
        resolve(verdict);
      };
      carryOut(core, wish).then(
        (change) => end({ kind: 'done', change }),
        (error: unknown) => end(verdictOf(error)),
      );
    });
  }
}

/** 5xx may pass; what the request itself is refused for does not. */
function verdictOf(error: unknown): Verdict {
  if (!(error instanceof LongrunError)) throw error;
  return {
    kind: error.status >= 500 ? 'again' : 'refused',
    why: `${error.status} ${error.message.slice(0, 120)}`,
  };
}

async function carryOut(core: ControlCore, wish: Call): Promise<AcknowledgedChange | null> {
  if (wish.do === 'remove-group') {
    await core.groups.remove(asAppId(wish.group), { force: wish.force });
    return null;
  }
  const app = asAppId(wish.app);
  const call = { clientIp: '10.9.9.9', uri: `/v2/apps${app}` };
  switch (wish.do) {
    case 'deploy': {
      const options = { partial: false, mayCreate: true, force: wish.force };
      return changeOf(app, await core.apps.update(app, toDefinition(app, wish.wish), options, call));
    }
    case 'scale': {
      const options = { partial: true, mayCreate: false, force: wish.force };
      return changeOf(app, await core.apps.update(app, { instances: wish.instances }, options, call));
    }
    case 'restart': {
      return changeOf(app, await core.apps.restart(app, wish.force));
    }
    case 'remove':
      await core.apps.remove(app, wish.force);
      return { app, version: null };
    case 'roll-back':
    case 'cancel':
      return endDeployment(core, app, wish.do);
    case 'kill':
      return kill(core, app, wish.index, wish.scale);
    case 'share-traffic':
      await core.appTraffic.put(app, trafficOf(wish), PERSON);
      return null;
    case 'end-shares':
      await core.appTraffic.reset(app);
      return null;
  }
}

const PERSON: Cause = { kind: 'request', text: 'a request from 10.9.9.9' };

/** The body of `PUT /v3/apps/ID/traffic`. */
const trafficOf = ({ current, previous, pin }: SharedTraffic): object => ({
  shares: [
    { version: 'current', weight: current },
    ...(previous === null ? [] : [{ version: 'previous', weight: previous }]),
  ],
  ...(pin === 'none' ? {} : { pins: [{ by: 'header', name: 'X-Canary', value: 'yes', version: pin }] }),
});

/** A definition that changed nothing has no version of its own. */
const changeOf = (app: AppId, { version, steps }: StartedDeployment): AcknowledgedChange | null =>
  steps.length ? { app, version } : null;

async function endDeployment(core: ControlCore, app: AppId, how: 'roll-back' | 'cancel'): Promise<null> {
  const deployment = core.state.deploymentOf(app);
  if (!deployment) return null;
  if (how === 'cancel') await core.deployments.cancel(deployment.id);
  else await core.deployments.rollBack(deployment.id);
  return null;
}

async function kill(
  core: ControlCore,
  app: AppId,
  index: number,
  scale: boolean,
): Promise<AcknowledgedChange | null> {
  if (!livingApp(core.state, app)) return null;
  const placed = core.state.instancesOf(app).filter((each) => each.placed && !each.stop);
  const chosen = placed[index % Math.max(1, placed.length)];
  if (!chosen) return null;
  const select = (state: ControlCore['state']) => state.instancesOf(app).filter(({ id }) => id === chosen.id);
  if (!scale) {
    await core.tasks.kill(select, false);
    return null;
  }
  return changeOf(app, await core.tasks.killAndScale(select, [app], false));
}
