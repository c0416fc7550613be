// Why a port of an app has no target, as one sentence for the body of the 503. Any stranger may read it, so it says what state the instances
// are in and nothing of what made it so: no exit code, no output of a task or of a health check, no word of who changed what. The API
// tells these (lastTaskFailure, explain).
import { counted, needsOwnAddress, ownAddressOf, timestampOf, type App, type Instance } from '#libs/model';

/** For an app none of whose instances is routed. `instances`: all of this app. */
export function explainEmpty(app: App, instances: readonly Instance[]): string {
  // those that are being stopped come back for nobody
  if (app.current.spec.instances === 0) return 'the app is scaled to 0 instances';
  if (instances.length === 0) return describeNone(app.current.spec.instances);
  const counts = new Map<string, number>();
  for (const instance of instances) {
    const state = describe(app, instance);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return [...counts].map(([state, count]) => `${counted(count, 'instance')} ${state}`).join('; ');
}

const describeNone = (wanted: number): string =>
  wanted === 1
    ? 'the instance that is wanted has not been created yet'
    : `none of the ${wanted} wanted instances has been created yet`;

/** Whether such a sentence says that a target may come by itself: then a client should ask again soon. */
export function isOnItsWay(emptyReason: string): boolean {
  return ON_ITS_WAY.test(emptyReason);
}

/** Of the phrases around here. */
const ON_ITS_WAY = /created yet|\binstances? (is |are )?(starting|waiting|running)/;

/** Verb phrases that read well after "1 instance" and "2 instances". */
function describe(app: App, instance: Instance): string {
  if (instance.stop || instance.goal === 'stopped') return 'being stopped';
  if (instance.unreachableSince !== undefined) return 'on an agent that is lost';
  if (!instance.placed) return describeScheduled(app);
  const status = instance.status?.taskId === instance.taskId ? instance.status : undefined;
  if (!status || status.phase === 'waiting' || status.phase === 'starting') return 'starting';
  if (status.phase === 'pulling') return 'waiting for the image to be pulled';
  if (status.phase === 'stopping') return 'being stopped';
  if (status.phase !== 'running') return 'waiting to be started again';
  const failed = status.health.find((each) => each !== null && !each.alive);
  if (failed) return 'unhealthy';
  if (status.health.some((each) => each === null)) return 'running, without a passed health check so far';
  if (needsOwnAddress(instance) && ownAddressOf(instance) === undefined)
    return 'running, without an address on its container network';
  if (instance.asksReadiness && !status.readiness?.ready)
    return 'running, and the readiness check has not succeeded so far';
  return status.accepting
    ? 'running and about to be routed'
    : 'running, but not accepting connections on all ports';
}

function describeScheduled(app: App): string {
  const delay = app.launchDelay;
  if (delay && delay.delayMs > 0 && delay.configVersion === app.current.lastConfigChangeAt)
    return `waiting to be launched, after failures not before ${timestampOf(delay.until)}`;
  return 'waiting to be launched';
}
