// Why an app is as it is, and where its next instance would go (promise 9): its instances by what they wait for, every agent with every
// predicate, and the smallest change that would let it run. Reads one moment of the cluster; decides and changes nothing.
import { hasRoutablePorts, isRunning } from '#libs/lifecycle';
import { portsOf, runtimeOf } from '#libs/model';
import type { AgentId, App, AppId, Instance, InstanceId, RuntimeKind, Timestamp } from '#libs/model';
import { constraintName, explainCells, place, smallestChanges } from '#libs/placement';
import type { AgentCells, PlacementRequest, SmallestChange, Tenant } from '#libs/placement';
import { holdsOf } from './app-holds.js';
import type { Hold } from './app-holds.js';
import { workOf } from './app-work.js';
import { changeText } from './change-words.js';
import { classifyAll } from './classify.js';
import type { AppSituation, InstanceSet } from './classify.js';
import { LedgerOverlay } from './ledger-overlay.js';
import { placementRequest } from './placement-request.js';
import { toldIn } from './settled.js';
import type { ClusterSnapshot } from './snapshot.js';

/** The working set is one. */
export interface ExplainView extends ClusterSnapshot {
  /** Placed there now or at last. */
  instancesOn(agent: AgentId): readonly Instance[];
}

export interface Standing {
  readonly wanted: number;
  /** Reported as running, whatever their health. */
  readonly running: number;
  /** Healthy and routed. */
  readonly available: number;
  /** To be launched, those included that are not even created. */
  readonly waiting: number;
  readonly sets: Readonly<Record<InstanceSet, number>>;
  /** All of it in one sentence without a full stop. */
  readonly text: string;
}

export interface Place {
  readonly agentId: AgentId;
  readonly hostname: string;
  /** As the definition lists the ports; 0 = that port has none. */
  readonly hostPorts: readonly number[];
}

/** The instance that the table is about. */
export interface NextInstance {
  /** Which one that is, in words without a full stop. */
  readonly text: string;
  /** Absent: it does not exist yet. */
  readonly instanceId?: InstanceId;
  /** How many of the waiting ones find a place now, one after the other. */
  readonly fitNow: number;
  /** Not all waiting ones were tried, for there are too many. */
  readonly isLeast: boolean;
  /** Where those would go; the first of them. */
  readonly places: readonly Place[];
  readonly needs: {
    readonly cpus: number;
    /** MiB */
    readonly mem: number;
    /** MiB */
    readonly disk: number;
    readonly runtime: RuntimeKind;
    /** Number = that one, 0 = any, null = none. */
    readonly hostPorts: readonly (number | null)[];
    readonly constraints: readonly string[];
  };
  readonly agentsThatFit: number;
  /** What `place` chooses for it; absent when it fits nowhere. */
  readonly place?: Place;
}

export interface OfferedChange extends SmallestChange {
  /** A sentence without a full stop. */
  readonly text: string;
}

export interface AppExplanation {
  readonly appId: AppId;
  readonly version: Timestamp;
  readonly standing: Standing;
  readonly holds: readonly Hold[];
  readonly next: NextInstance;
  /** By id. */
  readonly agents: readonly AgentCells[];
  /** Best first; empty when it fits somewhere. */
  readonly changes: readonly OfferedChange[];
}

/** Agents and peers looked at for all waiting instances together: some 100 ms at worst. */
const LOOKS_MAX = 50_000;
const PLACES_MAX = 20;

export function explainApp(view: ExplainView, app: App, now: number): AppExplanation {
  const situation = situationOf(view, app, now);
  const sets = classifyAll(situation);
  const work = workOf(app, view.deploymentOf(app.id));
  const counted = situation.instances.length - sets.leaving.length - sets.lost.length;
  const missing = Math.max(0, app.current.spec.instances - counted);
  const pending = [...sets.waiting, ...Array.from({ length: missing }, (_, at) => another(app, at, now))];
  const trial = placeAll(view, situation, pending);
  const next = explainNext(view, situation, pending, trial);
  const unplaceable = { instances: trial.tried - trial.placed.length, isLeast: trial.tried < pending.length };
  return {
    appId: app.id,
    version: app.current.version,
    standing: standingOf(situation, sets, missing),
    holds: holdsOf({ app, sets, situation, snapshot: view, work, missing, unplaceable }),
    ...next,
  };
}

function situationOf(view: ExplainView, app: App, now: number): AppSituation {
  return {
    app,
    instances: view.instancesOf(app.id),
    versionOf: (each) => (each.version === app.current.version ? app.current : view.versionOf(each)),
    settings: view.settings,
    officeSince: view.officeSince,
    now,
    ...toldIn(view),
  };
}

/** One that does not exist yet. */
const another = (app: App, at: number, now: number): Instance => ({
  id: `${NOT_CREATED} ${at}` as InstanceId,
  appId: app.id,
  version: app.current.version,
  goal: 'running',
  incarnation: 0,
  placed: false,
  hostPorts: [],
  createdAt: now,
  cause: { kind: 'deployment', text: 'one more instance' },
  routing: 'out',
  leftAt: 0,
  goalRevision: 0,
});
const NOT_CREATED = 'not created';
const isCreated = ({ id }: Instance): boolean => !id.startsWith(NOT_CREATED);

interface Trial {
  readonly tried: number;
  readonly placed: readonly { readonly instance: Instance; readonly place: Place }[];
  readonly firstUnplaced?: Instance;
  /** The books once the placed ones are there. */
  readonly ledger: LedgerOverlay;
  readonly instances: readonly Instance[];
}

/** One after the other, as a pass does; nobody's launch delay is looked at. */
function placeAll(view: ExplainView, situation: AppSituation, pending: readonly Instance[]): Trial {
  const ledger = new LedgerOverlay(view.ledger, view.tableNumber + 1);
  const looks = Math.ceil(LOOKS_MAX / (1 + view.agents.size + situation.instances.length));
  const placed: { readonly instance: Instance; readonly place: Place }[] = [];
  const rows = new Map(situation.instances.map((each) => [each.id, each]));
  let firstUnplaced: Instance | undefined;
  const tried = pending.slice(0, looks);
  for (const [at, instance] of tried.entries()) {
    const request = requestFor(view, { ...situation, instances: [...rows.values()] }, instance);
    const verdict = place(request, view.agents, ledger);
    if (verdict.kind === 'impossible') {
      firstUnplaced ??= instance;
      continue;
    }
    const { agentId, hostPorts } = verdict;
    placed.push({ instance, place: placeOf(view, agentId, hostPorts) });
    const row: Instance = { ...instance, placed: true, agentId, hostPorts, placedAt: situation.now + at };
    rows.set(row.id, row);
    ledger.note(undefined, row, request.spec, situation.now);
  }
  return {
    tried: tried.length,
    placed,
    ...(firstUnplaced ? { firstUnplaced } : {}),
    ledger,
    instances: [...rows.values()],
  };
}

const requestFor = (view: ExplainView, situation: AppSituation, instance: Instance): PlacementRequest =>
  placementRequest({ ...situation, snapshot: view }, instance);

const placeOf = ({ agents }: ExplainView, agentId: AgentId, hostPorts: readonly number[]): Place => ({
  agentId,
  hostname: agents.get(agentId)?.info.hostname ?? agentId,
  hostPorts,
});

type Next = Pick<AppExplanation, 'next' | 'agents' | 'changes'>;

/** About the first that finds no place once the others are there; else about the next to be placed; else about one more than wanted. */
function explainNext(
  view: ExplainView,
  situation: AppSituation,
  pending: readonly Instance[],
  trial: Trial,
): Next {
  const { app, now } = situation;
  const isAfter = trial.firstUnplaced !== undefined;
  const instance = trial.firstUnplaced ?? pending[0] ?? another(app, 0, now);
  const asked = requestFor(
    view,
    isAfter ? { ...situation, instances: trial.instances } : situation,
    instance,
  );
  // who asks for one more than wanted asks what a scaling would do
  const request = pending.length ? asked : { ...asked, total: asked.total + 1 };
  const ledger = isAfter ? trial.ledger : view.ledger;
  const agents = new Map([...view.agents].sort(([a], [b]) => (a < b ? -1 : 1)));
  const rows = explainCells(request, agents, ledger);
  const verdict = place(request, agents, ledger);
  const { spec } = request;
  const fitNow = trial.placed.length;
  return {
    next: {
      text: nextText(pending.length, trial),
      ...(isCreated(instance) ? { instanceId: instance.id } : {}),
      fitNow,
      isLeast: trial.tried < pending.length,
      places: trial.placed.slice(0, PLACES_MAX).map((each) => each.place),
      needs: {
        ...{ cpus: spec.cpus, mem: spec.mem, disk: spec.disk },
        runtime: runtimeOf(spec),
        hostPorts: portsOf(spec).map(({ hostPort }) => hostPort),
        constraints: spec.constraints.map(constraintName),
      },
      agentsThatFit: rows.filter(({ fits }) => fits).length,
      ...(verdict.kind === 'placed' ? { place: placeOf(view, verdict.agentId, verdict.hostPorts) } : {}),
    },
    agents: rows,
    changes: smallestChanges({
      world: { request, agents, ledger },
      rows,
      tenantsOn: (agent) => tenantsOn(view, agent),
      proxies: [...view.proxies.values()].map(({ id, confirmed }) => ({ id, confirmed: confirmed.number })),
    }).map((each) => ({ ...each, text: changeText(each.steps, { spec, snapshot: view, now }) })),
  };
}

function nextText(waiting: number, { placed, firstUnplaced }: Trial): string {
  if (!waiting) return 'one more instance than wanted';
  if (waiting === 1) return 'the instance that waits';
  if (!firstUnplaced) return `the first of ${waiting} instances that wait`;
  const which = `one of ${waiting} instances that wait`;
  if (!placed.length) return which;
  return `${which}, once ${placed.length === 1 ? 'the one that fits is' : `the ${placed.length} that fit are`} placed`;
}

/** What is on its way out still takes its place until it has ended. */
const tenantsOn = (view: ExplainView, agent: AgentId): readonly Tenant[] =>
  view
    .instancesOn(agent)
    .filter((each) => each.placed && !each.stop)
    .map((each) => ({
      instanceId: each.id,
      appId: each.appId,
      demand: view.versionOf(each).spec,
      hostPorts: each.hostPorts.filter((port) => port !== 0),
    }));

const WORDS: Readonly<Record<InstanceSet, string>> = {
  available: 'healthy and routed',
  unready: 'running, not ready yet',
  unhealthy: 'unhealthy',
  coming: 'starting',
  waiting: 'to be launched',
  cycling: 'being restarted',
  unreachable: 'unreachable',
  lost: 'lost and replaced',
  leaving: 'being stopped',
  ended: 'just ended',
};

/** Counted as healthy, for it has no check (behaviour.md 5), and in no table, for no port of it answers. */
const isSilent = (instance: Instance, { versionOf }: AppSituation): boolean =>
  instance.routing === 'out' && hasRoutablePorts(versionOf(instance).spec);

function standingOf(
  situation: AppSituation,
  sets: ReturnType<typeof classifyAll>,
  missing: number,
): Standing {
  const { instances: wanted } = situation.app.current.spec;
  const names = Object.keys(WORDS) as InstanceSet[];
  const counts = Object.fromEntries(names.map((each) => [each, sets[each].length])) as Record<
    InstanceSet,
    number
  >;
  const silent = sets.available.filter((each) => isSilent(each, situation)).length;
  const told = names.flatMap((each) => {
    const count = each === 'waiting' ? counts.waiting + missing : counts[each];
    const named = each === 'available' ? count - silent : count;
    const more =
      each === 'available' && silent ? [`${silent} running, but nothing accepts on its ports`] : [];
    return [...(named ? [`${named} ${WORDS[each]}`] : []), ...more];
  });
  return {
    wanted,
    running: situation.instances.filter((each) => each.placed && isRunning(each)).length,
    available: counts.available,
    waiting: counts.waiting + missing,
    sets: counts,
    text: `${wanted} wanted: ${told.join(', ') || 'none exists'}`,
  };
}
