// How the traffic of an app is shared between its versions (`PUT /v3/apps/ID/traffic`): one write of the app's row, which gives the route
// table a new number in the same commit. No new version; a rollout that runs is held by it from then on (docs/design/deployments.md).
import { failures } from '#libs/api-contract';
import {
  isOfShare,
  parseAppTraffic,
  piece,
  Problems,
  shareOf,
  type App,
  type AppId,
  type AppTraffic,
  type AppVersion,
  type AskedTraffic,
  type Cause,
  type Timestamp,
  type TrafficShare,
} from '#libs/model';
import type { Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import { requireApp, runningVersions } from './app-targets.js';

export class AppTrafficCommands {
  constructor(private readonly lane: Lane) {}

  /** The whole of them. Every version must have instances or be the current one; those that are not named get the weight 0. */
  put(id: AppId, body: unknown, by: Cause): Promise<AppTraffic> {
    const parsed = parseAppTraffic(body);
    // wrong values of a known body: 422, as for any value that breaks a rule
    if (parsed.kind === 'problems') throw failures.invalidDefinition({ ...parsed, stage: 'rules' });
    return this.lane.submit((workingSet, now) => {
      const app = requireApp(workingSet, id);
      const traffic = { ...named(parsed.traffic, app, workingSet), since: now, cause: by };
      return { writes: [put({ ...app, traffic })], value: traffic };
    });
  }

  /** Every routed instance counts alike again, and a rollout that was held goes on. */
  reset(id: AppId): Promise<void> {
    return this.lane.submit((workingSet) => {
      const { traffic, ...app } = requireApp(workingSet, id);
      return { writes: traffic ? [put(app)] : [], value: undefined };
    });
  }
}

const put = (app: App) => ({ kind: 'put-app', app: { ...app, revision: app.revision + 1 } }) as const;

function named(asked: AskedTraffic, app: App, workingSet: WorkingSet): Pick<AppTraffic, 'shares' | 'pins'> {
  const known = knownVersions(app, workingSet);
  const problems = new Problems();
  const found = new Map<string, AppVersion>();
  asked.shares.forEach(({ version }, index) => {
    const definition = lookUp(version, known, app);
    const at = `/shares(${index})/version`;
    const twin =
      definition && [...found.values()].find((each) => isOfShare(shareFor(each), definition, app.current));
    if (!definition) problems.add(at, unknownText(version, known, app));
    else if (twin) problems.add(at, `has the same config as ${twin.version}: name one of them`);
    else found.set(version, definition);
  });
  const pinned = asked.pins.map(({ version }, index) => {
    const definition = lookUp(version, known, app);
    if (!definition) problems.add(`/pins(${index})/version`, unknownText(version, known, app));
    return definition ?? app.current;
  });
  if (problems.any) throw failures.invalidDefinition(problems.as('rules'));
  const shares = asked.shares.map(({ version, weight }) =>
    shareFor(found.get(version) ?? app.current, weight),
  );
  for (const each of known) if (!shareOf({ shares }, each, app.current)) shares.push(shareFor(each));
  const nameOf = (definition: AppVersion): Timestamp =>
    shareOf({ shares }, definition, app.current)?.version ?? definition.version;
  const pins = asked.pins.map((pin, index) => ({ ...pin, version: nameOf(pinned[index] ?? app.current) }));
  return { shares, ...(pins.length ? { pins } : {}) };
}

const shareFor = ({ version, lastConfigChangeAt }: AppVersion, weight = 0): TrafficShare => ({
  version,
  config: lastConfigChangeAt,
  weight,
});

/** That traffic can go to, now or in a moment; newest first. */
function knownVersions(app: App, workingSet: WorkingSet): readonly AppVersion[] {
  const running = runningVersions(app.id, workingSet).filter(
    ({ version }) => version !== app.current.version,
  );
  return [app.current, ...running].sort((a, b) => (a.version < b.version ? 1 : -1));
}

/** `previous`: the newest that the current one replaces. */
function lookUp(name: string, known: readonly AppVersion[], app: App): AppVersion | undefined {
  if (name === 'current') return app.current;
  if (name === 'previous') {
    const current = shareFor(app.current);
    return known.find((each) => !isOfShare(current, each, app.current));
  }
  return known.find(({ version }) => version === (name as Timestamp));
}

function unknownText(name: string, known: readonly AppVersion[], { id }: App): string {
  const list = known.map(({ version }) => version).join(', ');
  return name === 'previous'
    ? `no older version of ${id} has instances; there is ${list}. Deploy the new one first, it gets no traffic while the shares name only the old one`
    : `${piece(name)} is no version of ${id} that has instances; there are: ${list}`;
}
