// Defects that `npm run mutants` plants in the real code, one at a time, to see that the simulator notices each. `find` occurs exactly
// once in `file` (a spec sees to that, so that a change of the code does not quietly take a mutant out of use).

/**
 * @typedef {object} Mutant
 * @property {string} name
 * @property {string} file A source file.
 * @property {string} find Exact text, occurs once.
 * @property {string} replace
 * @property {string} says The promise that it breaks.
 * @property {boolean} [quick] One of those that CI runs: caught within a few seeds.
 */

/** @type {readonly Mutant[]} */
export const MUTANTS = [
  {
    name: 'forgets-the-confirmation',
    file: 'libs/reconciler/src/confirmation.ts',
    find: 'return liveProxies(view, now).every((each) => each.confirmed.number >= instance.leftAt);',
    replace: 'return liveProxies(view, now).every(() => true);',
    says: 'nothing dies while traffic can reach it',
    quick: true,
  },
  {
    name: 'stops-without-drain',
    file: 'libs/reconciler/src/advance-stops.ts',
    find: "if (now >= drainUntil) return enter(stop, 'killing', now);",
    replace: "if (now >= drainUntil - 1e9) return enter(stop, 'killing', now);",
    says: 'requests in flight end before a stop',
  },
  {
    // the number that the window, the gatekeeper and the invariants share: each of them alone has the others behind it
    name: 'ignores-the-floor',
    file: 'libs/planner/src/rolling-window.ts',
    find: 'shareRoundedUp(n, minimumHealthCapacity);',
    replace: 'shareRoundedUp(0 * n, minimumHealthCapacity);',
    says: 'one availability floor for every stop of ours',
  },
  {
    name: 'floor-off-by-one',
    file: 'libs/planner/src/rolling-window.ts',
    find: 'shareRoundedUp(n, minimumHealthCapacity);',
    replace: 'shareRoundedDown(n, minimumHealthCapacity);',
    says: 'one availability floor, rounded up: half of three are two',
  },
  {
    name: 'counts-what-is-not-ready',
    file: 'libs/reconciler/src/classify.ts',
    find: "classify(instance, situation) === 'available';",
    replace: "['available', 'unready'].includes(classify(instance, situation));",
    says: 'the floor counts what is healthy and routed, not what has only begun to run',
  },
  {
    name: 'starts-more-than-allowed',
    file: 'libs/planner/src/rolling-window.ts',
    find: 'Math.max(0, maxCapacity - old.active - fresh.started),',
    replace: 'Math.max(0, maxCapacity - old.active - fresh.started + 2),',
    says: 'at most maximumOverCapacity on top',
    quick: true,
  },
  {
    name: 'counts-instead-of-looking',
    file: 'libs/reconciler/src/counts.ts',
    find: 'active: old.length + leaving,\n      wanted: old.length,\n      healthy: healthy(old),',
    replace: 'active: old.length,\n      wanted: old.length,\n      healthy: old.length,',
    says: 'level, not edge: capacity is looked at, old ones are not taken for healthy because they exist',
  },
  {
    name: 'drops-the-deadline',
    file: 'libs/reconciler/src/deployments.ts',
    find: 'const left = deadlineMs(deployment, snapshot, situationOf, now) - idle;',
    replace: 'const left = deadlineMs(deployment, snapshot, situationOf, now) - idle + 1e12;',
    says: 'every deployment ends by its deadline',
    quick: true,
  },
  {
    name: 'routes-before-ready',
    file: 'libs/reconciler/src/routes.ts',
    find: '(isReady(instance, version, draft.now) || isHeld)',
    replace: 'isRunning(instance)',
    says: 'no traffic before ready',
  },
  {
    name: 'kills-orphans-at-once',
    file: 'libs/agent-core/src/instance-set.ts',
    find: 'export const ORPHAN_MS = 60_000;',
    replace: 'export const ORPHAN_MS = 1_000;',
    says: 'what no assignment names is stopped only after 60 s',
  },
  {
    name: 'never-stops-orphans',
    file: 'libs/agent-core/src/instance-set.ts',
    find: 'if (timer || !this.#complete) continue;',
    replace: 'if (timer || this.#complete || !this.#complete) continue;',
    says: 'nothing is left over',
  },
  {
    name: 'proxies-forget-their-lease',
    file: 'libs/proxy-core/src/lease.ts',
    find: 'if (this.left() > 0) return undefined;',
    replace: 'if (this.left() >= 0) return undefined;',
    says: 'a proxy that was frozen fetches a table before it routes',
  },
  {
    name: 'acknowledges-before-the-commit',
    file: 'libs/control-core/src/status-intake.ts',
    find: 'await Promise.all(parts);',
    replace: 'Promise.all(parts).catch(() => undefined);',
    says: 'nothing acknowledged is lost: a status is acknowledged after its commit',
  },
  {
    name: 'gives-no-reason-for-a-launch',
    file: 'libs/reconciler/src/reasons.ts',
    find: "if (reason) reasons.push({ kind: 'add-reason', reason });",
    replace: "if (reason && reason.what !== 'launched') reasons.push({ kind: 'add-reason', reason });",
    says: 'everything has a reason',
  },
  {
    name: 'places-one-beside-its-like',
    file: 'libs/placement/src/constraints.ts',
    find: 'return (_, same) => same === 0;',
    replace: 'return (_, same) => same <= 1;',
    says: 'constraints hold: one per host where UNIQUE is asked for',
  },
  {
    name: 'agents-reuse-their-run',
    file: 'libs/agent-core/src/identity.ts',
    find: '? { ...before, run: before.run + 1 }',
    replace: '? { ...before, run: before.run }',
    says: 'reports of an agent are newer than those of its life before',
  },
  {
    name: 'leaders-skip-their-fence',
    file: 'libs/control-core/src/lane.ts',
    find: "if (result.kind === 'fenced') {",
    replace:
      "if (result.kind === 'fenced') { this.#publish(workingSet, writes, [], now); return proposal.value; }\n      if (result.kind === ('never' as string)) {",
    says: 'a leader that is none any more changes nothing and acknowledges nothing',
  },
  {
    name: 'reuses-ports-too-early',
    file: 'libs/placement/src/placement-index.ts',
    find: 'leftAt: Math.max(past, instance.leftAt),',
    replace: 'leftAt: instance.leftAt,',
    says: 'a host port goes to another app only when every proxy let go of it, whoever had it in between',
  },
  {
    name: 'forgets-ports-of-what-it-forgets',
    file: 'libs/placement/src/placement-index.ts',
    find: "const now = after ? after.leftAt : before.routing === 'out' ? 0 : table;",
    replace: 'const now = after ? after.leftAt : 0;',
    says: 'a host port goes to another app only when every proxy let go of it, also when its task crashed and its row went in one commit',
  },
  {
    name: 'kills-without-the-brake',
    file: 'libs/reconciler/src/reconcile-app.ts',
    find: 'if (!isBrakeOn) killUnhealthy(draft, thenOf);',
    replace: 'if (isBrakeOn || !isBrakeOn) killUnhealthy(draft, thenOf);',
    says: 'the mass-kill brake: a checker that fails everywhere at once is suspected first',
  },
  {
    name: 'goes-on-in-spite-of-shares',
    file: 'libs/reconciler/src/traffic-share.ts',
    find: '(shareOf(app.traffic, versionOf(instance), app.current)?.weight ?? 0) > 0;',
    replace: '(shareOf(app.traffic, versionOf(instance), app.current)?.weight ?? 0) > 1e9;',
    says: 'a rollout stops no instance whose version has a weight',
  },
  {
    name: 'shares-without-weights',
    file: 'libs/routing/src/shares.ts',
    find: 'left -= weight;',
    replace: 'left -= sum / shares.length;',
    says: 'requests go by the weights of the versions, not in equal parts',
  },
  {
    name: 'forgets-the-pins',
    file: 'libs/proxy-engine/src/targets/service-pool.ts',
    find: 'const pinned = wish.version === undefined ? undefined : this.#byVersion?.get(wish.version);',
    replace: 'const pinned = wish.version !== null ? undefined : this.#byVersion?.get(wish.version);',
    says: 'a pinned request goes to its version while that answers, whatever the weights',
  },
  {
    // with the leader that removed the last app of a deployment and died before it could end the deployment
    name: 'forgets-what-a-deployment-removed',
    file: 'libs/control-core/src/reconcile-loop.ts',
    find: 'for (const deployment of workingSet.deployments.values()) this.mark(affectedApps(deployment));',
    replace:
      'for (const deployment of workingSet.deployments.values()) this.mark([...affectedApps(deployment)].filter((app) => workingSet.apps.has(app)));',
    says: 'every deployment ends, whenever its leader dies: also when all that it acts on is gone',
  },
  {
    name: 'forgets-min-ready',
    file: 'libs/reconciler/src/settled.ts',
    find: 'return since + minReadyMsOf(situation.app, situation.settings);',
    replace: 'return since + 0 * minReadyMsOf(situation.app, situation.settings);',
    says: 'a failing release never takes the old one down: a new instance must have served for a while',
  },
  {
    name: 'gives-no-target-to-shared-apps',
    file: 'libs/proxy-engine/src/targets/service-pool.ts',
    find: 'return byVersion ?? this.#chooseFrom(this.#tiers, wish, exclusions, random);',
    replace:
      'return this.#byVersion ? undefined : (byVersion ?? this.#chooseFrom(this.#tiers, wish, exclusions, random));',
    says: 'a request is answered while a target serves: also where traffic is shared',
  },
  {
    name: 'refusals-count-as-attempts',
    file: 'libs/proxy-engine/src/targets/turns.ts',
    find: 'if (isAtOnce && this.#passedOver < PASSED_OVER_MAX) this.#passedOver += 1;',
    replace: 'if (isAtOnce && this.#passedOver < 0) this.#passedOver += 1;',
    says: 'a request is answered while a target serves: those that refuse at once are passed over',
  },
];
