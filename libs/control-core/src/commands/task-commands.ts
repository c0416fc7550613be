// A person kills tasks (api.md 3.10, 6): obeyed at once, after routes are gone and requests drained, also below the floor.
// Without scale the instance comes back as its next incarnation; with scale a deployment takes exactly these away.
import { failures } from '#libs/api-contract';
import { hasEnded } from '#libs/lifecycle';
import {
  parentGroupOf,
  asDeploymentId,
  type AppChange,
  type AppId,
  type Cause,
  type Instance,
  type InstanceId,
} from '#libs/model';
import { nextVersion } from '#libs/planner';
import { reasonWrites, requestStop } from '#libs/reconciler';
import type { Ids } from '#libs/time';
import type { Foresight } from '../foresight/foresight.js';
import type { Decide, Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { livingApp } from './app-targets.js';
import { ChangeLane, type ChangeOptions } from './change-lane.js';
import { causedBy, startDeployment, type StartedDeployment } from './start-deployment.js';

/** Picks the instances to kill; throws when what the caller named is not there. */
export type Selection = (workingSet: WorkingSet) => readonly Instance[];

export class TaskCommands {
  constructor(
    private readonly lane: Lane,
    private readonly ids: Ids,
    private readonly foresight: Foresight,
  ) {}

  /**
   * `wipe`: the instances do not come back, others take their place. Answers which were, or with `dryRun` would be, selected.
   * `by`: the request, for the reasons.
   */
  kill(select: Selection, wipe: boolean, dryRun = false, by?: Cause): Promise<readonly InstanceId[]> {
    const decide: Decide<readonly InstanceId[]> = (workingSet, now) => {
      const selected = select(workingSet);
      const text = `killed by a person: ${by?.text ?? 'a request to the API'}`;
      const cause: Cause = { kind: 'kill', text };
      const then = wipe ? 'remove' : 'relaunch';
      const verdicts = selected.map((each) => requestStop(workingSet, each, cause, then, now));
      const writes = verdicts.flatMap((verdict) => (verdict.kind === 'granted' ? verdict.writes : []));
      return {
        writes: [...writes, ...reasonWrites(workingSet, [{ cause, writes }], now)],
        value: selected.map(({ id }) => id),
      };
    };
    return dryRun ? this.lane.preview(decide) : this.lane.submit(decide);
  }

  /** `apps`: those named in the call; more may follow from what is selected. */
  killAndScale(
    select: Selection,
    apps: readonly AppId[],
    force: boolean,
    dryRun = false,
    by?: Cause,
  ): Promise<StartedDeployment> {
    const [named] = apps;
    const eventGroup = parentGroupOf(named ?? '/');
    const options: ChangeOptions = { force, dryRun };
    return new ChangeLane(this.lane, this.foresight).run(eventGroup, options, (workingSet, now) => {
      const victims = select(workingSet).filter(isActive);
      const named = new Set([...apps, ...victims.map(({ appId }) => appId)]);
      const version = workingSet.nextVersion(now);
      const changes = [...named].flatMap((id): AppChange[] => {
        const app = livingApp(workingSet, id);
        if (!app) return [];
        const count = victims.filter(({ appId }) => appId === id).length;
        const spec = app.current.spec;
        const smaller = { ...spec, instances: Math.max(0, spec.instances - count) };
        const next = nextVersion(app.current, smaller, version);
        const after = next.kind === 'new' ? next.version : app.current;
        return [{ appId: id, before: app.current, after }];
      });
      const [only] = changes;
      const groupId = changes.length === 1 && only ? parentGroupOf(only.appId) : '/';
      const id = asDeploymentId(this.ids.uuid());
      const request = { id, version, changes, force, groupId, victims: victims.map((each) => each.id) };
      return startDeployment({ ...request, ...causedBy(by) }, workingSet, now);
    });
  }
}

/** Counts as one less when it is killed and scaled: there, and not on its way out. */
const isActive = (instance: Instance): boolean =>
  instance.goal === 'running' && instance.placed && !instance.stop && !hasEnded(instance);

/** Instances of an app that are tasks; `host` limits to one agent's name, `*` or absent means all. */
export function tasksOnHost(workingSet: WorkingSet, app: AppId, host: string | undefined): Instance[] {
  return workingSet.instancesOf(app).filter((each) => {
    if (each.taskId === undefined) return false;
    if (host === undefined || host === '*') return true;
    return each.agentId !== undefined && workingSet.agents.get(each.agentId)?.info.hostname === host;
  });
}

/** The task of this app, or the refusal that names it. */
export function requireTask(workingSet: WorkingSet, app: AppId, taskId: string): Instance {
  const found = workingSet.instancesOf(app).find((each) => each.taskId === taskId);
  if (!found) throw failures.taskNotFound(taskId);
  return found;
}
