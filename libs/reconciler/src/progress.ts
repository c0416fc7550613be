// How far a deployment is: which actions are done (behaviour.md 4, 5), and whether anything moved (decisions.md 18). Progress is
// the best seen so far within a step: flapping health or a task that crashes again and again is none, so every deployment ends.
import { healthOf, isRunning } from '#libs/lifecycle';
import type { Deployment, DeploymentAction } from '#libs/model';
import { actionsUnderWay } from './app-work.js';
import { isAvailable, isOutdated } from './classify.js';
import type { AppSituation } from './classify.js';
import { isCounted } from './counts.js';
import { isSettled } from './settled.js';

/** An app of the deployment at this point of the pass; null once it is removed. */
export type SituationOf = (of: Pick<DeploymentAction, 'app'>) => AppSituation | null;

/** Those apps of the step under way that are still there, in the order of its actions. */
export const situationsUnderWay = (
  deployment: Deployment,
  situationOf: SituationOf,
): readonly AppSituation[] => actionsUnderWay(deployment).flatMap((each) => situationOf(each) ?? []);

export function isActionDone(
  action: DeploymentAction,
  situation: AppSituation | null,
  deployment: Deployment,
): boolean {
  switch (action.action) {
    case 'StartApplication':
      return true;
    case 'StopApplication':
      return !situation || !situation.app.removing;
    case 'ScaleApplication':
      return !situation || isScaled(situation, deployment);
    case 'RestartApplication':
      return !situation || isReplaced(situation);
  }
}

/** Only instances that this deployment made need to be healthy and ready; those from before are not asked again. */
function isScaled(situation: AppSituation, deployment: Deployment): boolean {
  const counted = situation.instances.filter((each) => isCounted(each, situation));
  const leaving = situation.instances.filter((each) => each.goal === 'stopped');
  return (
    counted.length === situation.app.current.spec.instances &&
    leaving.length === 0 &&
    counted.every((each) => each.createdAt < deployment.startedAt || isAvailable(each, situation))
  );
}

/** Healthy = ready = n for long enough, and nothing old is active. */
function isReplaced(situation: AppSituation): boolean {
  const { app, instances } = situation;
  const isOldActive = instances.some((each) => isOutdated(each, app) && each.unreachableSince === undefined);
  const leaving = instances.some((each) => each.goal === 'stopped');
  const settled = instances.filter((each) => !isOutdated(each, app) && isSettled(each, situation));
  return !isOldActive && !leaving && settled.length >= app.current.spec.instances;
}

/** Best values within a step, as numbers that only grow. */
type Marks = readonly number[];

/** The new mark, or the old text itself when nothing moved. */
export function progressMark(deployment: Deployment, situationOf: SituationOf): string {
  const [step, ...best] = parseMark(deployment.progressMark);
  const now = measure(deployment, situationOf);
  if (step !== deployment.currentStep) return JSON.stringify([deployment.currentStep, ...now]);
  const isBetter = now.some((each, index) => each > (best[index] ?? -Infinity));
  if (!isBetter) return deployment.progressMark;
  return JSON.stringify([step, ...now.map((each, index) => Math.max(each, best[index] ?? -Infinity))]);
}

/** Is it known how the step under way began? */
export const isMarked = ({ progressMark: mark, currentStep }: Deployment): boolean =>
  parseMark(mark)[0] === currentStep;

function measure(deployment: Deployment, situationOf: SituationOf): Marks {
  let [done, available, running, placed, gone, pulled, healthy, settled] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const action of actionsUnderWay(deployment)) {
    const situation = situationOf(action);
    if (isActionDone(action, situation, deployment)) done += 1;
    if (!situation) continue;
    for (const each of situation.instances) {
      const isLeftover = each.goal === 'stopped' || isOutdated(each, situation.app);
      if (isLeftover) gone -= each.goal === 'stopped' ? 1 : 2;
      if (isLeftover) continue;
      if (each.placed) placed += 1;
      if (isRunning(each)) running += 1;
      if (isAvailable(each, situation)) available += 1;
      if (isSettled(each, situation)) settled += 1;
      // healthy, and perhaps not ready yet
      if (healthOf(each, situation.versionOf(each))) healthy += 1;
      pulled += each.status?.pull?.doneBytes ?? 0;
    }
  }
  return [done, available, running, placed, gone, pulled, healthy, settled];
}

function parseMark(text: string): Marks {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.map(Number) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
