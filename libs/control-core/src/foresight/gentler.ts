// When a change does not fit: would it with less at a time? Asked are the upgrade strategies that need less room on the way, the mildest
// first; the end state is the same with all of them.
import type { AppId, AppVersion, Deployment, UpgradeStrategy } from '#libs/model';
import type { Write } from '#libs/store';

/** A strategy for every app that finds no place, mildest first: what the floor loses costs more than what the rollout loses in speed. */
export function gentlerStrategies(versions: readonly AppVersion[]): readonly UpgradeStrategy[] {
  const floor = Math.min(...versions.map(({ spec }) => spec.upgradeStrategy.minimumHealthCapacity));
  const over = Math.max(...versions.map(({ spec }) => spec.upgradeStrategy.maximumOverCapacity));
  const most = Math.max(1, ...versions.map(({ spec }) => spec.instances));
  const slower = [0.5, 0.25, 0].filter((each) => each < over);
  // one instance less than all, rounded down so that it is less than all for every count
  const lower = [Math.floor(((most - 1) / most) * 100) / 100, 0.5, 0].filter((each) => each < floor);
  return [
    ...slower.map((maximumOverCapacity) => ({ minimumHealthCapacity: floor, maximumOverCapacity })),
    ...[...new Set(lower)].map((minimumHealthCapacity) => ({
      minimumHealthCapacity,
      maximumOverCapacity: 0,
    })),
  ];
}

/** The same change with another strategy for these apps. */
export function withStrategy(
  moment: { readonly writes: readonly Write[]; readonly deployment: Deployment },
  apps: ReadonlySet<AppId>,
  upgradeStrategy: UpgradeStrategy,
): { readonly writes: readonly Write[]; readonly deployment: Deployment } {
  const gentle = (version: AppVersion): AppVersion =>
    apps.has(version.spec.id) ? { ...version, spec: { ...version.spec, upgradeStrategy } } : version;
  const deployment: Deployment = {
    ...moment.deployment,
    changes: moment.deployment.changes.map((each) =>
      each.after ? { ...each, after: gentle(each.after) } : each,
    ),
  };
  const writes = moment.writes.map((write): Write => {
    switch (write.kind) {
      case 'put-app':
        return { ...write, app: { ...write.app, current: gentle(write.app.current) } };
      case 'add-version':
        return { ...write, version: gentle(write.version) };
      case 'put-deployment':
        return write.deployment.id === deployment.id ? { ...write, deployment } : write;
      default:
        return write;
    }
  });
  return { writes, deployment };
}
