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
    name: 'agents-take-any-epoch',
    file: 'libs/agent-core/src/identity.ts',
    find: 'if (epoch < highest) {',
    replace: 'if (epoch < 0) {',
    says: 'fenced: an agent obeys a leader that is none any more',
  },
  {
    name: 'proxies-take-any-table',
    file: 'libs/proxy-core/src/judge-table.ts',
    find: 'if (current && isOlder(offered, current))',
    replace: 'if (current && offered.epoch < 0)',
    says: 'fenced: a proxy goes back to an older table',
  },
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
    name: 'ignores-the-floor',
    file: 'libs/reconciler/src/gatekeeper.ts',
    find: 'if (available - 1 >= floor) return null;',
    replace: 'if (available - 1 >= -1) return null;',
    says: 'one availability floor for every stop of ours',
  },
  {
    name: 'floor-off-by-one',
    file: 'libs/reconciler/src/gatekeeper.ts',
    find: 'if (available - 1 >= floor) return null;',
    replace: 'if (available >= floor) return null;',
    says: 'one availability floor: exactly at it one more is stopped',
  },
  {
    name: 'stops-one-more',
    file: 'libs/planner/src/rolling-window.ts',
    find: 'Math.max(0, surplus, healthy - minHealthy, unhealthySurplus)',
    replace: 'Math.max(0, surplus + 1, healthy - minHealthy + 1, unhealthySurplus)',
    says: 'rolling replacement leaves enough healthy ones; the gatekeeper behind it is the second net, so only progress suffers',
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
    find: 'old: { active: old.length + leaving, wanted: old.length, healthy: healthy(old) },',
    replace: 'old: { active: old.length, wanted: old.length, healthy: old.length },',
    says: 'level, not edge: capacity is looked at, old ones are not taken for healthy because they exist',
  },
  {
    name: 'takes-older-statuses',
    file: 'libs/lifecycle/src/status-order.ts',
    find: 'return status.run > stored.run || (status.run === stored.run && status.sequence > stored.sequence);',
    replace: 'return status.run >= 0 || stored.run >= 0;',
    says: 'late reports never undo newer state',
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
    name: 'reuses-ports-too-early',
    file: 'libs/placement/src/host-ports.ts',
    find: 'const isUnconfirmed = record?.appId !== appId && confirmedTable !== null && confirmedTable < leftAt;',
    replace:
      'const isUnconfirmed = confirmedTable !== null && confirmedTable < -leftAt - 1 && record?.appId !== appId;',
    says: 'a host port goes to another app only with the word of every proxy',
  },
  {
    name: 'resurrects-removed-tasks',
    file: 'libs/reconciler/src/take-note.ts',
    find: `if (instance.goal === 'stopped') draft.remove(instance.id, cause);
    else draft.change('relaunch-instance', instance.id, (row) => waitingAgain(draft, row, cause), cause);`,
    replace: `const back = (row: Instance): Instance => ({ ...waitingAgain(draft, row, cause), goal: 'running' });
    draft.change('relaunch-instance', instance.id, back, cause);`,
    says: 'what was to be removed does not come back',
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
    replace: 'export const ORPHAN_MS = 0;',
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
    name: 'agents-restart-while-connected',
    file: 'libs/agent-core/src/next-step.ts',
    find: 'if (view.presence.connected) return WAIT;',
    replace: 'if (view.now < 0) return WAIT;',
    says: 'with a session only the control plane starts the next incarnation',
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
    name: 'proxies-forget-their-lease',
    file: 'libs/proxy-core/src/lease.ts',
    find: 'if (this.#clock.now() - this.#askedAt < PROXY_LEASE_MS) return undefined;',
    replace: 'if (this.#clock.now() - this.#askedAt < Infinity) return undefined;',
    says: 'a proxy that was frozen fetches a table before it routes',
  },
  {
    name: 'acknowledges-before-the-commit',
    file: 'libs/control-core/src/status-intake.ts',
    find: 'if (!this.#queued) this.#commitWaiting();',
    replace: 'if (!this.#queued) this.#commitWaiting();\n      stored();',
    says: 'nothing acknowledged is lost: a status is acknowledged after its commit',
  },
  {
    name: 'relaunches-on-paused-agents',
    file: 'libs/reconciler/src/launch.ts',
    find: "agentId !== undefined && agents.get(agentId)?.liveness === 'disconnected';",
    replace: "agentId !== undefined && agents.get(agentId)?.liveness === ('never' as string);",
    says: 'an instance runs once: its agent may have started it again by itself',
  },
];
