// A broken promise as a short story for a person: how big the cluster is, what was done to it, what was seen last, what broke, and how
// to see it again.
import { sizeOf } from './shrink.js';
import { clockOf } from './event-log.js';
import type { BrokenPromise } from './scenario/outcome.js';
import type { Action, AppWish, Behaviour, CrashWrite, Party, Scenario } from './scenario/scenario.js';

export interface Failure {
  /** As it was made small; the one of the seed itself, if that was not tried. */
  readonly scenario: Scenario;
  readonly broken: BrokenPromise;
  /** Of its run. */
  readonly log: readonly string[];
  /** The scenario of the seed, when `scenario` is a smaller one. */
  readonly original?: Scenario;
  /** Where the smaller one is kept. */
  readonly file?: string;
}

export function storyOf({ scenario, broken, log, original, file }: Failure): string {
  const { seed } = scenario;
  const lines = [
    `Seed ${seed} breaks the promise "${broken.rule}" at ${minuteOf(broken.at)}:`,
    `  ${broken.text}`,
    '',
    `The cluster: ${clusterOf(scenario)}.`,
    ...(original ? [`Made smaller: before, it had ${sizeOf(original)}.`] : []),
    '',
    ...scenario.actions
      .filter(({ at }) => at <= broken.at)
      .map((action) => `  ${minuteOf(action.at).padStart(5)}  ${sentenceOf(action, scenario)}`),
    `  ${minuteOf(broken.at).padStart(5)}  The promise is broken.`,
    '',
    'What was seen last:',
    ...decisiveLines(log, broken.text).map((line) => `  ${shortened(line)}`),
    '',
    'See it again:',
    `  npm run simulate -- --seed ${quoted(seed)} --trace`,
    ...(file ? [`  npm run simulate -- --scenario ${quoted(file)} --trace`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** `12:05` */
const minuteOf = (ms: number): string => {
  const [minutes = '', seconds = ''] = clockOf(ms).split(':');
  return `${Number(minutes)}:${seconds.slice(0, 2)}`;
};
const secondsOf = (ms: number): string => `${ms >= 10_000 ? Math.round(ms / 1000) : ms / 1000} s`;
const percent = (share: number): string => `${Math.round(share * 100)} %`;
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const quoted = (text: string): string =>
  /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function clusterOf({
  agents,
  controlPlanes,
  proxies,
  clockOffsetMs,
  clockDrift,
  durationMs,
  changedPerPass,
}: Scenario): string {
  const zones = new Set(agents.map(({ zone }) => zone)).size;
  const clocks =
    clockOffsetMs || clockDrift
      ? `clocks that are up to ${secondsOf(clockOffsetMs)} and ${clockDrift * 100} % off`
      : 'exact clocks';
  return (
    `${counted(agents.length, 'agent')} in ${counted(zones, 'zone')} ` +
    `(CPUs: ${agents.map(({ cpus }) => cpus).join(', ')}; host ports: ${agents.map(({ ports }) => ports).join(', ')}), ` +
    `${counted(controlPlanes, 'control plane')}, ${proxies === 1 ? '1 proxy' : `${proxies} proxies`}, ${clocks}, ` +
    (changedPerPass === undefined
      ? ''
      : `passes that change ${counted(changedPerPass, 'instance')} of an app, `) +
    `${minuteOf(durationMs)} minutes`
  );
}

// ---- one sentence for each action

const BEHAVIOURS: Record<Behaviour, string> = {
  good: 'good',
  slow: 'good, but ready only after half a minute',
  'crashes-at-start': 'crashes at its start',
  'crashes-after': 'crashes after some seconds',
  'never-healthy': 'never healthy',
  'never-ready': 'healthy, but never ready',
  'goes-bad': 'healthy, then answers 500',
  flaps: 'healthy now and then',
  'ignores-term': 'ignores SIGTERM',
  'image-missing': 'its image does not exist',
  'pulls-long': 'its image takes minutes to pull',
};
const CONSTRAINTS: Record<AppWish['constraint'], string> = {
  none: '',
  unique: ', one per host',
  'max-per-2': ', two per host at most',
  'group-by-zone': ', spread over the zones',
};

/** What the commit does that a crash point waits for. */
const CRASHES: Record<CrashWrite, string> = {
  'put-app': 'writes an app',
  'remove-app': 'removes an app',
  'put-group': 'writes a group',
  'remove-group': 'removes a group',
  'put-deployment': 'writes a deployment',
  'remove-instance': 'removes an instance',
  'put-agent': 'writes an agent',
  'put-proxy': 'writes a proxy',
  'set-table-number': 'makes a new table',
};

const nameOf = (party: Party, { agents, controlPlanes, proxies }: Scenario): string => {
  switch (party.kind) {
    case 'store':
      return 'the store';
    case 'agent':
      return `agent-${party.index % agents.length}`;
    case 'control-plane':
      return `cp-${party.index % controlPlanes}`;
    case 'proxy':
      return `proxy-${proxies ? party.index % proxies : party.index}`;
  }
};

/** What happens, in English; indexes are told as the names that the log has. */
export function sentenceOf(action: Action, scenario: Scenario): string {
  const agent = (index: number): string => nameOf({ kind: 'agent', index }, scenario);
  const proxy = (index: number): string => nameOf({ kind: 'proxy', index }, scenario);
  const forced = 'force' in action && action.force ? ', by force' : '';
  const role = (which: 'leader' | 'standby'): string =>
    which === 'leader' ? 'The control plane that leads' : 'The control plane that does not lead';
  switch (action.do) {
    case 'deploy':
      return `Somebody deploys ${action.app}${forced}: ${wishOf(action.wish)}.`;
    case 'scale':
      return `Somebody scales ${action.app} to ${counted(action.instances, 'instance')}${forced}.`;
    case 'restart':
      return `Somebody restarts ${action.app}${forced}.`;
    case 'remove':
      return `Somebody removes ${action.app}${forced}.`;
    case 'remove-group':
      return `Somebody removes the group ${action.group}${forced}.`;
    case 'roll-back':
      return `Somebody rolls ${action.app} back to its version before.`;
    case 'cancel':
      return `Somebody cancels the deployment of ${action.app}.`;
    case 'kill':
      return `Somebody kills an instance of ${action.app} (number ${action.index})${action.scale ? ' and scales it down' : ''}.`;
    case 'share-traffic': {
      const previous = action.previous === null ? '' : `, ${action.previous} to the one before`;
      const pin = action.pin === 'none' ? '' : `, and pins requests to the ${action.pin} one`;
      return `Somebody gives ${action.current} of the traffic of ${action.app} to its current version${previous}${pin}, for ${secondsOf(action.forMs)}.`;
    }
    case 'crash-task': {
      const others = action.siblings ? `, and with it ${counted(action.siblings, 'other')} of its app` : '';
      return `A task crashes (number ${action.index})${others}.`;
    }
    case 'sicken':
      return `A task (number ${action.index}) answers 500 for ${secondsOf(action.forMs)}.`;
    case 'hang':
      return `A task (number ${action.index}) answers nothing for ${secondsOf(action.forMs)}.`;
    case 'blind-checks':
      return `All checks of ${action.all ? 'all agents' : agent(action.agent)} fail for ${secondsOf(action.forMs)}, whatever the tasks do.`;
    case 'engine':
      return `The container engine of ${agent(action.agent)} ${action.fault === 'slow' ? 'is slow' : 'answers with errors'} for ${secondsOf(action.forMs)}.`;
    case 'restart-agent':
      return `The process of ${agent(action.agent)} is killed and starts again after ${secondsOf(action.downMs)}; its tasks live on.`;
    case 'power-off':
      return `The host of ${agent(action.agent)} loses power for ${secondsOf(action.downMs)}.`;
    case 'freeze-agent':
      return `The process of ${agent(action.agent)} is frozen for ${secondsOf(action.forMs)}.`;
    case 'fill-disk':
      return `The disk of ${agent(action.agent)} is full for ${secondsOf(action.forMs)}.`;
    case 'take-port':
      return `Something else listens on a host port of ${agent(action.agent)} (number ${action.index}) for ${secondsOf(action.forMs)}.`;
    case 'cut': {
      const [from, to] = [nameOf(action.from, scenario), nameOf(action.to, scenario)];
      const what = action.bothWays
        ? `Nothing gets through between ${from} and ${to}`
        : `Nothing gets from ${from} to ${to}`;
      return `${what} for ${secondsOf(action.forMs)}.`;
    }
    case 'weather': {
      const signs = [
        ...(action.extraMs ? [`${secondsOf(action.extraMs)} late`] : []),
        ...(action.doubled ? [`doubled (${percent(action.doubled)} of them)`] : []),
        ...(action.spreadMs ? [`in any order within ${secondsOf(action.spreadMs)}`] : []),
      ];
      const how = signs.join(', ') || 'as usual';
      return `What ${nameOf(action.from, scenario)} sends to ${nameOf(action.to, scenario)} arrives ${how} for ${secondsOf(action.forMs)}.`;
    }
    case 'stalls':
      return `What agents say reaches control planes in bursts for ${secondsOf(action.forMs)}: nothing for ${secondsOf(action.stallMs)} of each ${secondsOf(action.everyMs)}.`;
    case 'crash-control-plane': {
      const kind = action.write ? ` that ${CRASHES[action.write]}` : '';
      const commit = `its commit number ${action.nth} from now${kind}`;
      const when = {
        now: '',
        'before-commit': ` before ${commit} reaches the store`,
        'after-commit': ` once ${commit} took effect, before it learns so,`,
      }[action.when];
      const wait =
        action.when === 'now' || action.withinMs === undefined
          ? ''
          : ` (if that comes within ${secondsOf(action.withinMs)})`;
      return `${role(action.which)} is killed${when} and starts again after ${secondsOf(action.downMs)}${wait}.`;
    }
    case 'freeze-control-plane':
      return `${role(action.which)} is frozen for ${secondsOf(action.forMs)}.`;
    case 'abdicate':
      return 'The control plane that leads is asked to give up its office.';
    case 'store-refuses':
      return `The store takes no commits for ${secondsOf(action.forMs)}.`;
    case 'store-fails-over': {
      const step = action.clockStepMs ? `, whose clock is ${action.clockStepMs} ms off` : '';
      return `The store is away for ${secondsOf(action.downMs)} and fails over to another server${step}.`;
    }
    case 'lose-answers':
      return `The store's answers to the next ${counted(action.count, 'commit')} get lost; the commits take effect.`;
    case 'freeze-proxy':
      return `${proxy(action.proxy)} is frozen for ${secondsOf(action.forMs)}.`;
    case 'crash-proxy':
      return `${proxy(action.proxy)} is killed and starts again after ${secondsOf(action.downMs)}.`;
  }
}

function wishOf(wish: AppWish): string {
  const checks = [
    ...(wish.health === 'none' ? [] : [`health by ${wish.health}`]),
    ...(wish.readiness ? ['readiness'] : []),
  ].join(' and ');
  const fixed = wish.ports && wish.hostPort ? ` from host port ${wish.hostPort}` : '';
  return (
    `${counted(wish.instances, 'instance')} of release ${wish.release} (${BEHAVIOURS[wish.behaviour]}), ` +
    `${wish.runtime === 'docker' ? 'containers' : 'processes'} with ${counted(wish.ports, 'port')}${fixed}, ` +
    `${checks || 'no checks'}${CONSTRAINTS[wish.constraint]}, ` +
    `at least ${percent(wish.minimumHealthCapacity)} healthy, at most ${percent(wish.maximumOverCapacity)} more, ` +
    `deadline ${wish.progressDeadlineSeconds} s` +
    (wish.minReadySeconds ? `, ready for ${wish.minReadySeconds} s` : '')
  );
}

// ---- the log

const ABOUT_LINES = 16;
const LAST_LINES = 8;
const LINE_LENGTH = 220;

const shortened = (line: string): string =>
  line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)} …` : line;

/** The last lines that name something which the text names, and the very last ones, in their order. */
export function decisiveLines(log: readonly string[], text: string): readonly string[] {
  const names = namesIn(text);
  const about = [...log.entries()]
    .filter(([, line]) => names.some((name) => line.includes(name)))
    .slice(-ABOUT_LINES);
  const last = [...log.entries()].slice(-LAST_LINES);
  return [...new Map([...about, ...last]).entries()].sort(([a], [b]) => a - b).map(([, line]) => line);
}

/** App ids, instances, tasks, hosts and processes: words with a slash, or with a digit and a letter. */
function namesIn(text: string): readonly string[] {
  const words = text.split(/[\s,;:()"{}[\]]+/).map((word) => word.replace(/\.$/, ''));
  return [...new Set(words)].filter(
    (word) => /^\/\w/.test(word) || (word.length >= 4 && /\d/.test(word) && /[a-z]/.test(word)),
  );
}
