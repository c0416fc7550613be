// One app in one pass: facts first, then routes, health, counts, stops, launches. The order is the design: each rule sees what the
// ones before it decided, and none needs to know why.
import type { AppDraft } from './app-draft.js';
import { advanceStops } from './advance-stops.js';
import { startsInstances, workOf } from './app-work.js';
import { isOutdated } from './classify.js';
import { adjustCounts } from './counts.js';
import { expungeLost, wakeForTimers } from './expunge.js';
import { launchWaiting, upkeepDelay } from './launch.js';
import { stopOverdueLaunches } from './overdue-launches.js';
import { killUnhealthy, updateRoutes } from './routes.js';
import { upkeepTraffic } from './traffic-hold.js';
import { isHeldByTraffic } from './traffic-share.js';
import { adoptIncarnations, noteEnds, noteReachability } from './take-note.js';
import type { Deployment, Instance } from '#libs/model';

/** Fills the draft with decisions. `deployment`: the running one of this app, as it is at this point of the pass. */
export function reconcileApp(draft: AppDraft, deployment: Deployment | undefined): void {
  const work = workOf(draft.app, deployment);
  adoptIncarnations(draft);
  noteEnds(draft);
  noteReachability(draft);
  const isBrakeOn = updateRoutes(draft);
  const thenOf = (each: Instance): 'remove' | 'relaunch' =>
    work.kind === 'replace' && isOutdated(each, draft.app) && !isHeldByTraffic(each, draft.situation())
      ? 'remove'
      : 'relaunch';
  if (!isBrakeOn) killUnhealthy(draft, thenOf);
  stopOverdueLaunches(draft, thenOf);
  adjustCounts(draft, work);
  expungeLost(draft, work);
  advanceStops(draft);
  launchWaiting(draft, deployment !== undefined && startsInstances(draft.id, deployment));
  upkeepDelay(draft);
  upkeepTraffic(draft, deployment);
  wakeForTimers(draft);
  if (draft.app.removing && !draft.instances.length) {
    draft.removeApp({ kind: 'deployment', text: `${draft.id} is removed: none of its instances is left` });
  }
}
