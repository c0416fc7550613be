// What a running deployment waits for, and when it will fail if nothing moves; for people, and for the reason of its failure.
import { currentStatus, isAwaitingReadiness, isReady, isRunning } from '#libs/lifecycle';
import { counted } from '#libs/model';
import type { AppId, Deployment, Instance } from '#libs/model';
import { actionsUnderWay } from './app-work.js';
import type { AppSituation } from './classify.js';
import { deadlineMs, idleMs } from './deadline.js';
import { isActionDone } from './progress.js';
import type { SituationOf } from './progress.js';
import { toldIn } from './settled.js';
import type { ClusterSnapshot } from './snapshot.js';

export interface Outlook {
  /** Epoch ms, the control plane's clock: it fails then if nothing moves before. */
  readonly deadlineAt: number;
  /** Actions of the step under way that are not done, one sentence each. */
  readonly waitsFor: readonly string[];
}

export function outlookOf(deployment: Deployment, snapshot: ClusterSnapshot, now: number): Outlook {
  const situationOf: SituationOf = ({ app }) => situationIn(snapshot, app, now);
  const left = deadlineMs(deployment, snapshot, situationOf, now) - idleMs(deployment, snapshot, now);
  return { deadlineAt: now + left, waitsFor: openActions(deployment, situationOf) };
}

/** An app as the rows are; null when it is not there. */
export function situationIn(snapshot: ClusterSnapshot, id: AppId, now: number): AppSituation | null {
  const app = snapshot.apps.get(id);
  if (!app) return null;
  const { settings, officeSince } = snapshot;
  const versionOf: AppSituation['versionOf'] = (instance) => snapshot.versionOf(instance);
  const instances = snapshot.instancesOf(id);
  return { app, instances, versionOf, settings, officeSince, now, ...toldIn(snapshot) };
}

/** What is not done of the step under way, each with what is known of why. */
export function openActions(deployment: Deployment, situationOf: SituationOf): readonly string[] {
  const open = actionsUnderWay(deployment).filter(
    (each) => !isActionDone(each, situationOf(each), deployment),
  );
  return open.map((action) => {
    const situation = situationOf(action);
    const failure = situation?.app.lastTaskFailure;
    const last = failure ? `, last failure: ${failure.message || failure.state}` : '';
    return `${action.action} ${action.app} is not done${unreadyText(situation)}${last}`;
  });
}

function unreadyText(situation: AppSituation | null): string {
  if (!situation) return '';
  const { instances, versionOf, now } = situation;
  const running = instances.filter((each) => !each.stop && isRunning(each));
  const asked = running.filter(isAwaitingReadiness);
  if (asked.length)
    return tell(asked, 'does not answer its readiness check', 'do not answer their readiness check');
  const unready = running.filter((each) => !isReady(each, versionOf(each), now));
  const checked = unready.filter((each) => versionOf(each).spec.healthChecks.length > 0);
  if (!checked.length)
    return tell(
      unready,
      'does not accept connections on its ports',
      'do not accept connections on their ports',
    );
  const cause = checked
    .flatMap((each) => currentStatus(each)?.health ?? [])
    .find((each) => each?.alive === false)?.lastFailureCause;
  return (
    tell(checked, 'does not pass its health check', 'do not pass their health check') +
    (cause === undefined ? '' : ` (${cause})`)
  );
}

const tell = ({ length }: readonly Instance[], one: string, more: string): string =>
  length ? `, ${counted(length, `running instance ${one}`, `running instances ${more}`)}` : '';
