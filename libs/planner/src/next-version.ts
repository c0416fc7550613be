// What a changed definition does to the version (behaviour.md 1, app.md A12): every member but `instances` is restart-relevant,
// there is no metadata-only update.
import type { AppSpec, AppVersion, Timestamp } from '#libs/model';

export type NextVersion =
  { readonly kind: 'unchanged' } | { readonly kind: 'new'; readonly version: AppVersion };

export interface NextVersionOptions {
  /** Replace all instances although nothing differs. */
  readonly restart?: boolean;
  /** Definitions of the instances that exist and are to run on: those with this very config are adopted, not replaced. */
  readonly running?: readonly AppVersion[];
}

/** `now` must be newer than every version of the app. */
export function nextVersion(
  before: AppVersion | null,
  spec: AppSpec,
  now: Timestamp,
  { restart = false, running = [] }: NextVersionOptions = {},
): NextVersion {
  const version = (times: Omit<AppVersion, 'spec' | 'version'>): NextVersion => ({
    kind: 'new',
    version: { spec, version: now, ...times },
  });
  if (!before || isRestartRelevant(before.spec, spec)) {
    return version({ lastScalingAt: now, lastConfigChangeAt: now, ...adoptedBy(spec, running) });
  }
  const isScaled = before.spec.instances !== spec.instances;
  const lastScalingAt = isScaled ? now : before.lastScalingAt;
  if (restart) return version({ lastScalingAt, lastConfigChangeAt: now });
  if (!isScaled) return { kind: 'unchanged' };
  const { lastConfigChangeAt, adopts } = before;
  return version({ lastScalingAt, lastConfigChangeAt, ...(adopts ? { adopts } : {}) });
}

function adoptedBy(spec: AppSpec, running: readonly AppVersion[]): Pick<AppVersion, 'adopts'> {
  const adopts = running.filter((each) => !isRestartRelevant(each.spec, spec)).map((each) => each.version);
  return adopts.length ? { adopts: [...new Set(adopts)].sort() } : {};
}

/** Do the two differ in anything but `instances` and `executorResources`, which nothing reads? */
export const isRestartRelevant = (before: AppSpec, after: AppSpec): boolean =>
  canonical(before) !== canonical(after);

/** As text with sorted member names, so that the order in which a client wrote them is no change, nor that of a set (app.md A1). */
function canonical({ executorResources: _, ...spec }: AppSpec): string {
  const { constraints, dependencies, healthChecks, acceptedResourceRoles = null } = spec;
  const sets = [constraints, dependencies, healthChecks, acceptedResourceRoles].map(
    (set) => set && set.map(sorted).sort(),
  );
  const members = { constraints: null, dependencies: null, healthChecks: null, acceptedResourceRoles: null };
  return sorted({ ...spec, ...members, instances: 0, sets });
}

const sorted = (whole: unknown): string =>
  JSON.stringify(whole, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
