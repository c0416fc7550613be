// Reading why: the reasons that were stored about an instance, and the way from the newest one to its root. Each reason leads to an
// earlier one of the same life, or by the reference of its cause to a deployment or to the instance whose place it took; what leads
// nowhere is the root.
import type { WhyFacts, WhyStep } from '#libs/api-contract';
import {
  asDeploymentId,
  asInstanceId,
  asTaskId,
  type AppId,
  type Cause,
  type Deployment,
  type DeploymentId,
  type Instance,
  type InstanceId,
  type Reason,
  type ReasonWhat,
} from '#libs/model';
import type { ReasonPage, Store, StoredReason } from '#libs/store';
import type { WorkingSet } from '../working-set.js';

/** A chain of instances that each took another one's place may be longer; its older end says little. */
const STEPS_MAX = 40;

export class Why {
  constructor(
    private readonly store: Pick<Store, 'reasonsOf' | 'reasonsOfApp' | 'instanceOfTask' | 'deployment'>,
  ) {}

  /** `id`: of an instance, or of a task of any incarnation; it may be gone. Null when nothing is known of it. */
  async of(id: string, workingSet: WorkingSet): Promise<WhyFacts | null> {
    const instanceId = await this.#instanceOf(id, workingSet);
    if (instanceId === null) return null;
    const stored = await this.store.reasonsOf(instanceId);
    const instance = workingSet.instance(instanceId);
    const reasons = stored.length || !instance ? stored : [fromRow(instance)];
    const [newest] = reasons;
    if (!newest) return null;
    const steps: WhyStep[] = [];
    const head = reasons.find(({ what }) => !PHASES.has(what)) ?? newest;
    await this.#walk(head, reasons, workingSet, steps);
    const { appId } = newest;
    return { instanceId, appId, ...(instance ? { instance } : {}), reasons, steps };
  }

  /** Of all instances of an app, newest first. */
  ofApp(app: AppId, page: ReasonPage): Promise<readonly StoredReason[]> {
    return this.store.reasonsOfApp(app, page);
  }

  async #instanceOf(id: string, workingSet: WorkingSet): Promise<InstanceId | null> {
    if (workingSet.instance(asInstanceId(id))) return asInstanceId(id);
    const task =
      workingSet.instanceOfTask(asTaskId(id))?.id ?? (await this.store.instanceOfTask(asTaskId(id)));
    return task ?? asInstanceId(id);
  }

  async #walk(
    reason: StoredReason,
    reasons: readonly StoredReason[],
    workingSet: WorkingSet,
    steps: WhyStep[],
  ): Promise<void> {
    let current: StoredReason | undefined = reason;
    let last = reason;
    while (current && steps.length < STEPS_MAX) {
      last = current;
      steps.push({ kind: 'reason', reason: current });
      const begun = stopBegunBefore(current, reasons);
      if (begun) steps.push({ kind: 'reason', reason: begun });
      current = before(current, reasons);
    }
    const { ref } = last.cause;
    if (ref === undefined || steps.length >= STEPS_MAX) return;
    const { kind } = last.cause;
    if (last.what === 'created' && kind !== 'deployment') {
      await this.#walkPredecessor(asInstanceId(ref), last, workingSet, steps);
    } else if (kind === 'deployment' || kind === 'kill') {
      await this.#walkDeployment(asDeploymentId(ref), last, workingSet, steps);
    }
  }

  /** The instance whose place was taken: from what took it away. */
  async #walkPredecessor(
    id: InstanceId,
    successor: StoredReason,
    workingSet: WorkingSet,
    steps: WhyStep[],
  ): Promise<void> {
    const reasons = await this.store.reasonsOf(id);
    const loss = reasons.find(({ number, what }) => number < successor.number && LOSSES.has(what));
    if (loss) await this.#walk(loss, reasons, workingSet, steps);
  }

  async #walkDeployment(
    id: DeploymentId,
    { appId, cause }: Reason,
    workingSet: WorkingSet,
    steps: WhyStep[],
  ): Promise<void> {
    const seen = new Set<DeploymentId>();
    for (let next: DeploymentId | undefined = id; next !== undefined && !seen.has(next);) {
      seen.add(next);
      const deployment: Deployment | null =
        workingSet.deployments.get(next) ?? (await this.store.deployment(next));
      // a kill refers to a deployment only when it also scaled
      if (!deployment && cause.kind === 'kill') return;
      if (!deployment) return void steps.push({ kind: 'forgotten', deploymentId: next });
      steps.push({ kind: 'deployment', deployment, appId });
      const asked: Cause | undefined = deployment.cause;
      if (asked?.kind === 'request') {
        return void steps.push({ kind: 'request', cause: asked, at: deployment.startedAt });
      }
      next = deployment.revertOf;
    }
  }
}

/** They say how a stop goes on, not why. */
const PHASES: ReadonlySet<ReasonWhat> = new Set(['draining', 'killing']);
/** After these an instance is, or soon will be, missing. */
const LOSSES: ReadonlySet<ReasonWhat> = new Set(['stop-requested', 'suspect', 'unreachable', 'removed']);

/**
 * Of a stop that was decided while another one was under way, which began it: somebody killed it, and then it was not to come back.
 * Both are told, and the newer one leads on.
 */
function stopBegunBefore(reason: StoredReason, reasons: readonly StoredReason[]): StoredReason | undefined {
  if (reason.what !== 'stop-requested') return undefined;
  return reasons
    .slice(reasons.indexOf(reason) + 1)
    .find(({ what, incarnation }) => what === 'stop-requested' && incarnation === reason.incarnation);
}

/** The reason of the same instance that this one follows from; undefined when its cause says more. `reasons`: newest first. */
function before(reason: StoredReason, reasons: readonly StoredReason[]): StoredReason | undefined {
  const earlier = reasons.slice(reasons.indexOf(reason) + 1);
  const newest = (fits: (each: StoredReason) => boolean): StoredReason | undefined => earlier.find(fits);
  const sameRun = ({ incarnation }: Reason): boolean => incarnation === reason.incarnation;
  switch (reason.what) {
    case 'routed':
      return newest((each) => sameRun(each) && STARTS.has(each.what));
    case 'launched':
      return newest(({ what }) => what === 'ended' || what === 'created');
    case 'adopted':
      return undefined;
    case 'removed':
      return newest(
        (each) => sameRun(each) && each.cause.kind === reason.cause.kind && LOSSES.has(each.what),
      );
    case 'ended':
    case 'draining':
    case 'killing':
      return newest((each) => sameRun(each) && each.what === 'stop-requested');
    default:
      return undefined;
  }
}
const STARTS: ReadonlySet<ReasonWhat> = new Set(['launched', 'adopted']);

/** What an instance of an older release still tells. */
function fromRow(instance: Instance): StoredReason {
  const { id, appId, incarnation, taskId, agentId, stop, placed, placedAt, createdAt } = instance;
  return {
    instanceId: id,
    appId,
    // its causes are older than all that is stored
    number: 0,
    at: stop?.since ?? placedAt ?? createdAt,
    what: stop ? 'stop-requested' : placed ? 'launched' : 'created',
    cause: stop?.cause ?? instance.cause,
    incarnation,
    ...(taskId === undefined ? {} : { taskId }),
    ...(agentId === undefined ? {} : { agentId }),
  };
}
