// `POST /v3/apps/ID/rollback`: one word for "as it was before". A deployment of the app that runs is taken back; with none, the app goes
// to the newest older definition that is known to have worked and differs from the present one. What runs of it is adopted, not restarted.
import { failures } from '#libs/api-contract';
import {
  asDeploymentId,
  counted,
  isOfCurrentConfig,
  parentGroupOf,
  type App,
  type AppId,
  type AppVersion,
  type Deployment,
  type Timestamp,
} from '#libs/model';
import { isRestartRelevant } from '#libs/planner';
import { DEPLOYMENTS_KEPT, type Write } from '#libs/store';
import type { Proposal } from '../lane.js';
import type { WorkingSet } from '../working-set.js';
import type { AppCommandParts } from './app-commands.js';
import { appChangesOf, requireApp } from './app-targets.js';
import { ChangeLane, type ChangeOptions } from './change-lane.js';
import type { DeploymentCommands } from './deployment-commands.js';
import { causedBy, startDeployment, type StartedDeployment } from './start-deployment.js';

export interface AppRollbackResult extends StartedDeployment {
  readonly rollback: RollbackWords;
}

export interface RollbackWords {
  /** What it goes back to and what that does to the instances, one sentence. */
  readonly text: string;
  /** The definition that it goes back to; the new version has its content. */
  readonly toVersion: Timestamp;
  /** The deployment that is taken back; absent when none ran. */
  readonly takesBack?: Deployment['id'];
  /** Instances of that definition that run and go on as they are. */
  readonly instancesKept: number;
}

/** What is stored of the past of one app; read before the lane is taken, for it needs the store. */
interface Past {
  /** Newest first. */
  readonly versions: readonly AppVersion[];
  /** Ended ones of the whole cluster, newest first. */
  readonly ended: readonly Deployment[];
}

export class AppRollback {
  readonly #lane: ChangeLane;

  constructor(
    private readonly parts: AppCommandParts,
    private readonly deployments: DeploymentCommands,
  ) {
    this.#lane = new ChangeLane(parts.lane, parts.foresight);
  }

  /** Throws a conflict when there is nothing to go back to. */
  async run(
    id: AppId,
    { dryRun = false, by }: Omit<ChangeOptions, 'force'> = {},
  ): Promise<AppRollbackResult> {
    const { store } = this.parts;
    const [versions, ended] = await Promise.all([store.versions(id), store.history(DEPLOYMENTS_KEPT)]);
    return this.#lane.run(parentGroupOf(id), { dryRun }, (workingSet, now) => {
      const app = requireApp(workingSet, id);
      const running = workingSet.deploymentOf(id);
      if (running) return this.#takeBack(running, app, by, workingSet, now);
      this.parts.checkAccepts();
      return this.#goBack(app, { versions, ended }, by, workingSet, now);
    });
  }

  #takeBack(
    running: Deployment,
    { id, current }: App,
    by: ChangeOptions['by'],
    workingSet: WorkingSet,
    now: number,
  ): Proposal<AppRollbackResult> {
    const change = running.changes.find(({ appId }) => appId === id);
    const before = change ? change.before : current;
    if (running.revertOf) {
      throw failures.conflict(
        `${id} is being taken back already: deployment ${running.id} takes back ${running.revertOf}. Wait for its end, or set the definition that you want.`,
      );
    }
    if (!before) {
      throw failures.conflict(
        `There is nothing to go back to: ${id} was created by deployment ${running.id}, which still runs. To take all of that deployment back, ` +
          `the app too: DELETE /v2/deployments/${running.id}.`,
      );
    }
    const proposal = this.deployments.takenBack(running.id, by, workingSet, now);
    const others = running.changes.filter(({ appId }) => appId !== id).map(({ appId }) => appId);
    const also = others.length ? `, and with it ${shortList(others)}` : '';
    const where = `Takes back deployment ${running.id}, which still runs${also}: ${id} goes back to the definition of ${before.version}`;
    return withWords(proposal, id, where, { toVersion: before.version, takesBack: running.id }, workingSet);
  }

  #goBack(
    app: App,
    past: Past,
    by: ChangeOptions['by'],
    workingSet: WorkingSet,
    now: number,
  ): Proposal<AppRollbackResult> {
    const { id, current } = app;
    if (!past.versions.some(({ version }) => version === current.version)) {
      throw failures.conflict(`${id} was changed at this very moment. Nothing was done; ask again.`);
    }
    const target = lastThatWorked(current, past);
    if (!target) throw failures.conflict(nothingText(id, current, past));
    // how many are wanted is a matter of load, not of the release
    const spec = { ...target.version.spec, instances: current.spec.instances };
    const version = workingSet.nextVersion(now);
    const changes = appChangesOf([{ spec, stored: app }], version, this.parts.servicePorts, workingSet);
    const proposal = startDeployment(
      {
        id: asDeploymentId(this.parts.ids.uuid()),
        version,
        changes,
        force: false,
        goesBack: true,
        groupId: parentGroupOf(id),
        ...causedBy(by),
      },
      workingSet,
      now,
    );
    const known = target.isKnown
      ? 'the newest older one that differs and whose deployment succeeded'
      : 'the newest older one that differs; how its deployment ended is no longer stored';
    const where = `${id} goes back to the definition of ${target.version.version}, ${known}`;
    return withWords(proposal, id, where, { toVersion: target.version.version }, workingSet);
  }
}

/** Null: none is known to have worked. One whose deployment is so old that it is no longer stored is taken for good. */
function lastThatWorked(
  current: AppVersion,
  { versions, ended }: Past,
): { readonly version: AppVersion; readonly isKnown: boolean } | null {
  const statusOf = new Map(
    ended.flatMap(({ changes, status }) =>
      changes.flatMap(({ after }) => (after ? [[`${after.spec.id} ${after.version}`, status] as const] : [])),
    ),
  );
  const isForgetful = ended.length >= DEPLOYMENTS_KEPT;
  for (const version of olderOnes(current, versions)) {
    const status = statusOf.get(`${version.spec.id} ${version.version}`);
    if (status === 'succeeded') return { version, isKnown: true };
    if (status === undefined && isForgetful) return { version, isKnown: false };
  }
  return null;
}

/** With another content than the present one: a restart or another number of instances is nothing to go back to. */
const olderOnes = (current: AppVersion, versions: readonly AppVersion[]): readonly AppVersion[] =>
  versions.filter(({ version, spec }) => version < current.version && isRestartRelevant(spec, current.spec));

function nothingText(id: AppId, current: AppVersion, { versions }: Past): string {
  const older = olderOnes(current, versions).length;
  if (!older)
    return `There is nothing to go back to: no older definition of ${id} differs from the present one.`;
  const which = older === 1 ? 'the one older definition' : `none of the ${older} older definitions`;
  return (
    `There is nothing to go back to: ${which} of ${id} that ${older === 1 ? 'differs has no deployment' : 'differ has a deployment'} that succeeded. ` +
    `GET /v3/apps${id}/history shows them; PUT /v2/apps${id} with {"version": "…"} puts back any of them.`
  );
}

function withWords(
  { value, ...proposal }: Proposal<StartedDeployment>,
  id: AppId,
  where: string,
  which: Pick<RollbackWords, 'toVersion' | 'takesBack'>,
  workingSet: WorkingSet,
): Proposal<AppRollbackResult> {
  const next = nextOf(id, proposal.writes) ?? requireApp(workingSet, id).current;
  const instancesKept = workingSet
    .instancesOf(id)
    .filter((each) => each.goal === 'running' && isOfCurrentConfig(each.version, next)).length;
  const text = `${where}. ${keptText(instancesKept, next.spec.instances)}`;
  return { ...proposal, value: { ...value, rollback: { text, ...which, instancesKept } } };
}

function nextOf(id: AppId, writes: readonly Write[]): AppVersion | undefined {
  const written = writes.findLast((each) => each.kind === 'put-app' && each.app.id === id);
  return written?.kind === 'put-app' ? written.app.current : undefined;
}

function keptText(kept: number, wanted: number): string {
  if (!wanted) return 'No instance is wanted, so nothing starts.';
  if (!kept) return 'No instance of it runs any more, so all are replaced as an update does it.';
  const many = counted(kept, 'instance of it still runs and is', 'instances of it still run and are');
  return `${many} not restarted.`;
}

/** Of a list that may be long. */
const shortList = (ids: readonly string[]): string =>
  ids.length > SHOWN ? `${ids.slice(0, SHOWN).join(', ')} and ${ids.length - SHOWN} more` : ids.join(', ');
const SHOWN = 3;
