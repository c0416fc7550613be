// A request is answered while a target serves to which its proxy routes. What may keep it from an answer all the same is written anew here
// from docs/design/proxy.md ("Retries") and ADR 6: that a target is left out, that its version has no share or that a pin names another one
// is no reason, for in want of better ones such a target is asked.
import type { RouteTable, RouteTarget } from '#libs/routing';
import { broken, type RequestFact, type Watcher, type World } from './watch.js';

/** Targets that one request may cost: such as it had to wait for, or that may have seen it. */
const TURNS = 3;
/** Those that refuse at once cost it nothing, up to so many. */
const REFUSALS_FREE = 20;
/** A service may have so many retries in 10 s, however few requests it has; clocks drift. */
const RETRIES_FREE = 10;
const RETRY_WINDOW_MS = 11_000;

const RULE = 'answered-while-one-serves';

export function answeredWhileOneServes(): Watcher {
  /** By proxy. */
  const misses = new Map<string, number[]>();
  return {
    rule: RULE,
    missed(proxy, _task, { now }) {
      const recent = (misses.get(proxy) ?? []).filter((at) => now - at <= RETRY_WINDOW_MS);
      misses.set(proxy, [...recent, now]);
    },
    answered(request, world) {
      if (request.result === 'answered' || request.result === 'wrong-app') return;
      const proxy = world.proxies.find(({ id }) => id === request.proxy);
      const serving = servingTarget(request, proxy?.table ?? null, world);
      if (!serving || isExcused(request, misses.get(request.proxy)?.length ?? 0)) return;
      const tries = request.missed.map(({ taskId, how }) => `${taskId} ${how}`).join(', ');
      broken(
        RULE,
        `${request.proxy} answers a request for port ${request.portIndex} of ${request.appId} itself (${request.text}); ` +
          `it routes to ${serving.taskId}, which serves; tried: ${tries || 'none'}`,
      );
    },
  };
}

/** One that this request has not been to, and that would answer it now. */
function servingTarget(
  { proxy, appId, portIndex, missed }: RequestFact,
  table: RouteTable | null,
  world: World,
): RouteTarget | undefined {
  const ports = table?.services.filter((each) => each.appId === appId) ?? [];
  const service = ports.find((each) => each.portIndex === portIndex);
  // by the path of the app its first port is reached, others at their service ports only
  const isReached = service?.servicePort !== undefined || ports.every((each) => each.portIndex >= portIndex);
  if (!isReached) return undefined;
  return service?.targets.find(({ taskId }) => {
    const task = world.task(taskId);
    const isTried = missed.some((each) => each.taskId === taskId);
    return !isTried && task?.appId === appId && task.isAnswering && world.reaches(proxy, task.host);
  });
}

/** `recentMisses`: of the proxy, those of this request included. Each may have been a retry of the service. */
function isExcused({ result, missed, mayRepeat }: RequestFact, recentMisses: number): boolean {
  const of = (...hows: readonly string[]): number => missed.filter(({ how }) => hows.includes(how)).length;
  const overdone = Math.max(0, of('refused') - REFUSALS_FREE);
  if (of('timed-out', 'broke', 'silent') + overdone >= TURNS) return true;
  // before any target was asked: the proxy itself could not go on
  if (result !== 'reset') return false;
  if (of('broke') !== 1 || of('silent') > 0) return true;
  return !mayRepeat || recentMisses > RETRIES_FREE;
}
