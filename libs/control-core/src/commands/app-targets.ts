// From definitions that are wanted to changes of apps: service ports for those that asked for 0, and the version that follows from
// what differs (behaviour.md 1, steps 2 and 3). One call shares one count of who uses which port.
import { failures } from '#libs/api-contract';
import {
  assignServicePorts,
  type App,
  type AppChange,
  type AppId,
  type AppSpec,
  type AppVersion,
  type PortRange,
  type Timestamp,
} from '#libs/model';
import { nextVersion } from '#libs/planner';
import type { WorkingSet } from '../working-set.js';
import { PortUsers } from './port-users.js';

export interface Target {
  readonly spec: AppSpec;
  readonly stored: App | undefined;
}

/** Throws when the range of service ports is used up. */
export function appChangesOf(
  targets: readonly Target[],
  version: Timestamp,
  servicePorts: PortRange,
  workingSet: WorkingSet,
): readonly AppChange[] {
  const users = new PortUsers(workingSet.apps.values());
  return targets.map(({ spec, stored }) => {
    const assigned = withPorts(spec, stored, users, servicePorts);
    const before = stored?.current ?? null;
    const next = nextVersion(before, assigned, version, { running: runningVersions(spec.id, workingSet) });
    return { appId: spec.id, before, after: next.kind === 'new' ? next.version : before };
  });
}

/** Definitions of the app's instances that are to run on. */
export function runningVersions(id: AppId, workingSet: WorkingSet): readonly AppVersion[] {
  const staying = workingSet.instancesOf(id).filter(({ goal }) => goal === 'running');
  return [...new Set(staying.map((each) => workingSet.versionOf(each)))];
}

function withPorts(spec: AppSpec, stored: App | undefined, users: PortUsers, range: PortRange): AppSpec {
  const assigned = assignServicePorts(spec, {
    ...(stored ? { previous: stored.current.spec } : {}),
    taken: (port) => users.isTakenByOthers(port, spec.id),
    range,
  });
  if (assigned.kind === 'exhausted') throw failures.servicePortsExhausted(range.from, range.to);
  users.add(assigned.spec);
  return assigned.spec;
}

/** One that is being removed is not there for the API. */
export function livingApp(workingSet: WorkingSet, id: AppId): App | undefined {
  const app = workingSet.apps.get(id);
  return app?.removing ? undefined : app;
}

export function requireApp(workingSet: WorkingSet, id: AppId): App {
  const app = livingApp(workingSet, id);
  if (!app) throw failures.appNotFound(id);
  return app;
}
