// Which running deployments a new one collides with, and how a deployment is taken back (behaviour.md 6).
import type {
  App,
  AppChange,
  AppId,
  AppVersion,
  Deployment,
  DeploymentId,
  DeploymentStep,
} from '#libs/model';

/** The apps a plan locks: those in its actions. */
export const lockedApps = (steps: readonly DeploymentStep[]): ReadonlySet<AppId> =>
  new Set(steps.flatMap((step) => step.actions.map((each) => each.app)));

/** Ids of the running deployments that lock one of the same apps, in the given order. */
export function conflictsWith(
  steps: readonly DeploymentStep[],
  running: Iterable<Deployment>,
): readonly DeploymentId[] {
  const wanted = lockedApps(steps);
  return [...running]
    .filter((each) => [...lockedApps(each.steps)].some((app) => wanted.has(app)))
    .map((each) => each.id);
}

/** The apps whose instances these deployments replace by newer ones. */
export const replacedApps = (running: Iterable<Deployment>): ReadonlySet<AppId> =>
  new Set(
    [...running].flatMap(({ steps }) =>
      steps.flatMap(({ actions }) =>
        actions.filter(({ action }) => action === 'RestartApplication').map(({ app }) => app),
      ),
    ),
  );

/**
 * Takes back this deployment's own changes only: what it added goes, what it changed or removed gets its definition back.
 * `after` holds the old version as it was; whoever starts the new deployment gives it a new timestamp (`nextVersion`).
 */
export function revertChanges(
  deployment: Pick<Deployment, 'changes'>,
  currentApps: ReadonlyMap<AppId, Pick<App, 'current' | 'removing'>>,
): readonly AppChange[] {
  return deployment.changes.flatMap((change): AppChange[] => {
    const before = currentVersion(currentApps.get(change.appId));
    if (!before && !change.before) return [];
    return [{ appId: change.appId, before, after: change.before }];
  });
}

const currentVersion = (app: Pick<App, 'current' | 'removing'> | undefined): AppVersion | null =>
  app && !app.removing ? app.current : null;
