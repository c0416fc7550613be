// A plan in words for a terminal.
import type {
  AppDiff,
  ChangePlan,
  DeploymentInfo,
  PlannedAgent,
  PlannedWave,
  ShownChange,
} from '#libs/api-contract';
import { counted } from '#libs/model';
import { fitting } from './wrap.js';

/** Of one step; a rollout one by one has as many as instances. */
const WAVES_SHOWN = 12;
const AGENTS_SHOWN = 8;

export function planLines(steps: DeploymentInfo['steps'], plan: ChangePlan): readonly string[] {
  return fitting([
    ...diffLines(plan.diff),
    ...steps.flatMap(({ actions }, index) => [
      '',
      `step ${index + 1}: ${actions.map(({ action, app }) => `${action} ${app}`).join(', ')}`,
      ...waveLines(plan.waves.filter(({ step }) => step === index + 1)),
    ]),
    ...peakLines(plan),
    ...(plan.warnings ?? []).map(({ appId, text }) => `warning: ${appId}: ${text}`),
    '',
    ...verdictLines(plan),
  ]);
}

function diffLines({ apps, groups }: ChangePlan['diff']): readonly string[] {
  const changed = apps.filter(({ effect }) => effect !== 'unchanged');
  const same = apps.length - changed.length;
  return [
    ...changed.flatMap((each) => [appLine(each), ...each.changes.map(changeLine)]),
    ...groups.flatMap(({ groupId, effect, changes }) => [
      `${SIGNS[effect]} group ${groupId}: ${effect}`,
      ...changes.map(changeLine),
    ]),
    ...(same ? [`= ${counted(same, 'app does', 'apps do')} not change`] : []),
  ];
}

const SIGNS = {
  created: '+',
  removed: '-',
  replaced: '~',
  scaled: '~',
  redefined: '~',
  changed: '~',
} as const;

function appLine({ appId, effect, instances: { before, after } }: AppDiff): string {
  switch (effect) {
    case 'created':
      return `+ ${appId}: ${many(after)}`;
    case 'removed':
      return `- ${appId}: ${many(before)} and the app go`;
    case 'replaced':
      return `~ ${appId}: all instances are replaced${before === after ? '' : `, ${before} -> ${after}`}`;
    case 'scaled':
      return `~ ${appId}: scaled from ${before} to ${many(after)}, those that stay go on`;
    default:
      return `~ ${appId}: nothing that runs changes`;
  }
}

function changeLine({ path, hidden, ...values }: ShownChange): string {
  const before = 'before' in values ? shown(values.before) : undefined;
  const after = 'after' in values ? shown(values.after) : undefined;
  if (before === undefined) return `    + ${path}: ${after}`;
  if (after === undefined) return `    - ${path}: ${before}`;
  return hidden && before === after ? `    ~ ${path}: (changed)` : `    ~ ${path}: ${before} -> ${after}`;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const many = (count: number): string => counted(count, 'instance');

function waveLines(waves: readonly PlannedWave[]): readonly string[] {
  const lines = waves
    .slice(0, WAVES_SHOWN)
    .map((wave, index) => `  ${index ? 'then ' : ''}${waveWords(wave)}`);
  const more = waves.length - lines.length;
  return more > 0 ? [...lines, `  … and ${more} more like these`] : lines;
}

function waveWords({ starts, stops, certain }: PlannedWave): string {
  const started = byApp(starts.map(({ appId, hostname, instances }) => ({ appId, hostname, instances })));
  const stopped = byApp(
    stops.map(({ appId, hostname, instanceIds }) => ({ appId, hostname, instances: instanceIds.length })),
  );
  return [
    ...started.map((each) => `start ${each}`),
    ...stopped.map((each) => `stop ${each}`),
    ...(certain ? [] : ['(or elsewhere: depends on what is ready first)']),
  ].join(', ');
}

/** `2 /web on host-1, 1 on host-2` */
function byApp(
  places: readonly { readonly appId: string; readonly hostname: string; readonly instances: number }[],
): readonly string[] {
  const apps = new Map<string, string[]>();
  for (const { appId, hostname, instances } of places) {
    const list = apps.get(appId);
    if (list) list.push(`${instances} on ${hostname}`);
    else apps.set(appId, [`${instances} ${appId} on ${hostname}`]);
  }
  return [...apps.values()].map((each) => each.join(', '));
}

function peakLines({ peak, agents, apps, diff, waitsForRoom, alsoMoving }: ChangePlan): readonly string[] {
  const replaced = new Set(diff.apps.filter(({ effect }) => effect === 'replaced').map(({ appId }) => appId));
  const shownAgents = agents.slice(0, AGENTS_SHOWN);
  const more = agents.length - shownAgents.length;
  return [
    ...(agents.length
      ? [
          '',
          `peak: ${peak.cpus} cpus, ${peak.mem} MiB of memory, ${peak.disk} MiB of disk, ${many(peak.instances)} more than now`,
        ]
      : []),
    ...shownAgents.map(agentLine),
    ...(more > 0 ? [`  … and ${counted(more, 'more agent')}`] : []),
    ...apps
      .filter(({ appId }) => replaced.has(appId))
      .map(
        ({ appId, leastHealthy, floor, instancesAtMost }) =>
          `${appId} on the way: at least ${leastHealthy} healthy, at most ${many(instancesAtMost)}; every stop leaves ${floor} healthy`,
      ),
    ...waitsForRoom.map(({ appId, instances }) => `${appId}: ${many(instances)} will wait for room`),
    ...(alsoMoving.length
      ? [
          `not at rest, and counted as if they came up well: ${alsoMoving.slice(0, 5).join(', ')}${alsoMoving.length > 5 ? ', …' : ''}`,
        ]
      : []),
  ];
}

const agentLine = ({ hostname, starts, stops, peak, after, total }: PlannedAgent): string =>
  `  ${hostname}: ${starts} start, ${stops} stop; at the peak ${peak.cpus} of ${total.cpus} cpus, ${peak.mem} of ${total.mem} MiB; afterwards ${after.cpus} cpus, ${after.mem} MiB`;

function verdictLines({ outcome, fits, problems, fitsWith }: ChangePlan): readonly string[] {
  const { kind, text, seconds, rolledBack } = outcome;
  if (kind === 'unknown') return [`unknown: ${text}`];
  const takes = seconds ? ` (waits take ${seconds} s; starting, pulling and draining come on top)` : '';
  if (kind === 'succeeds') return [`${fits ? 'fits' : 'does not fit'}: ${text}${takes}`];
  return [
    `${fits ? 'would FAIL' : 'does NOT fit'}: ${text}${rolledBack ? '; it would be rolled back' : ''}`,
    ...problems.flatMap(({ agents }) => [
      ...agents
        .slice(0, AGENTS_SHOWN)
        .map(({ hostname, reasons }) => `  ${hostname}: ${reasons.map((each) => each.text).join('; ')}`),
      ...(agents.length > AGENTS_SHOWN
        ? [`  … and ${counted(agents.length - AGENTS_SHOWN, 'more agent')}`]
        : []),
    ]),
    ...(fitsWith
      ? [
          `It would fit with minimumHealthCapacity ${fitsWith.minimumHealthCapacity} and maximumOverCapacity ${fitsWith.maximumOverCapacity} ` +
            `(upgradeStrategy of ${fitsWith.apps.join(', ')}).`,
        ]
      : []),
  ];
}
