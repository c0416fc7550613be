// A plan beside what happened: one line for each thing that was promised and did not come true. Where several instances come up or end
// at the same time a plan does not say which is first (`certain`), so there only counts, names and bounds are compared.
import type { Foreseen, PlannedWave } from '#libs/api-contract';
import type { Amounts, Deed, Executed } from './executed.js';

/** Sums of doubles drift. */
const NEARLY = 1e-5;

export function differences(plan: Foreseen, executed: Executed): readonly string[] {
  const isCertain = plan.waves.every(({ certain }) => certain);
  return [
    ...endings(plan, executed),
    // what comes before the end of a change that fails depends on when its deadline is
    ...(plan.outcome.kind === 'succeeds' ? [...counts(plan, executed), ...stopped(plan, executed)] : []),
    ...firstWaves(plan, executed.deeds),
    ...bounds(plan, executed, isCertain),
    ...resources(plan, executed, isCertain),
  ];
}

function endings({ outcome, fits }: Foreseen, { outcome: ended }: Executed): readonly string[] {
  const wanted = outcome.kind === 'succeeds' ? 'succeeded' : 'failed';
  const found = ended?.status ?? 'running';
  const itself = outcome.kind === 'unknown' || fits === null ? ['the plan is not whole'] : [];
  if (found === wanted) return itself;
  return [...itself, `planned: ${wanted} (${outcome.text}); it is ${found}: ${ended?.reason ?? ''}`];
}

/** Per step and app, and of each app in all. */
function counts({ waves, apps }: Foreseen, { deeds }: Executed): readonly string[] {
  const wordsOf = ({ kind, step, appId }: Pick<Deed, 'kind' | 'step' | 'appId'>): string =>
    `step ${step}: ${kind} ${appId}`;
  const planned = tally(waves.flatMap(deedsOf).map(wordsOf));
  const found = tally(deeds.map(wordsOf));
  const inAll = (kind: Deed['kind'], appId: string): number =>
    deeds.filter((each) => each.kind === kind && each.appId === appId).length;
  const wrong = apps.filter(
    ({ appId, starts, stops }) => starts !== inAll('start', appId) || stops !== inAll('stop', appId),
  );
  return [
    ...unlike('count', planned, found),
    ...wrong.map(
      ({ appId, starts, stops }) => `${appId}: planned ${starts} starts and ${stops} stops in all`,
    ),
  ];
}

/** Those that ran before have names; of the new ones none is stopped. */
function stopped({ waves }: Foreseen, { deeds }: Executed): readonly string[] {
  const named = waves.flatMap(({ stops }) => stops.flatMap(({ instanceIds }) => instanceIds)).sort();
  const found = deeds.flatMap(({ kind, instanceId }) => (kind === 'stop' ? [instanceId] : [])).sort();
  return same(named, found) ? [] : [`stops planned: ${named.join(', ')}; stopped: ${found.join(', ')}`];
}

/** In every step those at its beginning that are certain, in order and with their agents. */
function firstWaves({ waves }: Foreseen, deeds: readonly Deed[]): readonly string[] {
  const problems: string[] = [];
  for (const step of new Set(waves.map((wave) => wave.step))) {
    const found = deeds.filter((each) => each.step === step).map(wordsOf);
    for (const wave of waves.filter((each) => each.step === step)) {
      if (!wave.certain) break;
      const planned = deedsOf(wave).map(wordsOf).sort();
      const next = found.splice(0, planned.length).sort();
      if (same(planned, next)) continue;
      problems.push(`step ${step}, certain wave: planned ${planned.join(', ')}; it was ${next.join(', ')}`);
      break;
    }
  }
  return problems;
}

function bounds({ apps, outcome }: Foreseen, executed: Executed, isCertain: boolean): readonly string[] {
  return apps.flatMap(({ appId, leastHealthy, floor, instancesAtMost }): readonly string[] => {
    const found = executed.apps.get(appId);
    if (!found) return [`${appId} was not expected to change`];
    const { leastHealthy: least, instancesAtMost: most } = found;
    const isBelow = least < Math.min(floor, leastHealthy);
    const isOther =
      isCertain && outcome.kind === 'succeeds' && (least !== leastHealthy || most !== instancesAtMost);
    const isAbove = most > instancesAtMost;
    if (!isBelow && !isAbove && !isOther) return [];
    return [
      `${appId}: planned least healthy ${leastHealthy} (floor ${floor}), at most ${instancesAtMost}; it was ${least}, ${most}`,
    ];
  });
}

function resources(plan: Foreseen, { peak, peaks, deeds }: Executed, isCertain: boolean): readonly string[] {
  const problems: string[] = [];
  // another order may need more of what differs in size; how many tasks there are is bounded by that of each app
  if (isCertain && (exceeds(peak, plan.peak) || exceeds(plan.peak, peak)))
    problems.push(`planned peak ${shown(plan.peak)}; it was ${shown(peak)}`);
  if (!isCertain) return problems;
  for (const { agentId, peak: planned, starts, stops } of plan.agents) {
    const found = peaks.get(agentId);
    if (!found || exceeds(found, planned) || exceeds(planned, found))
      problems.push(`${agentId}: planned peak ${shown(planned)}; it was ${found ? shown(found) : 'none'}`);
    const of = (kind: Deed['kind']): number =>
      deeds.filter((each) => each.kind === kind && each.agentId === agentId).length;
    if (plan.outcome.kind === 'succeeds' && (of('start') !== starts || of('stop') !== stops))
      problems.push(
        `${agentId}: planned ${starts} starts, ${stops} stops; it was ${of('start')}, ${of('stop')}`,
      );
  }
  return problems;
}

const exceeds = (a: Amounts, b: Amounts): boolean =>
  a.cpus > b.cpus + NEARLY || a.mem > b.mem + NEARLY || a.instances > b.instances;

const shown = ({ cpus, mem, instances }: Amounts): string =>
  `${cpus.toFixed(2)} cpus, ${mem.toFixed(0)} MiB, ${instances} tasks`;

type Words = Pick<Deed, 'kind' | 'step' | 'appId' | 'agentId'> & { readonly instanceId: string };

/** New instances have no name yet. */
const deedsOf = ({ step, starts, stops }: PlannedWave): readonly Words[] => [
  ...starts.flatMap(({ appId, agentId, instances }) =>
    Array.from({ length: instances }, (): Words => ({ kind: 'start', step, appId, agentId, instanceId: '' })),
  ),
  ...stops.flatMap(({ appId, agentId, instanceIds }) =>
    instanceIds.map((instanceId): Words => ({ kind: 'stop', step, appId, agentId, instanceId })),
  ),
];

const wordsOf = ({ kind, appId, agentId, instanceId }: Words): string =>
  kind === 'start' ? `start ${appId} on ${agentId}` : `stop ${instanceId} of ${appId} on ${agentId}`;

function tally(words: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const each of words) found.set(each, (found.get(each) ?? 0) + 1);
  return found;
}

const unlike = (
  what: string,
  planned: ReadonlyMap<string, number>,
  found: ReadonlyMap<string, number>,
): readonly string[] =>
  [...new Set([...planned.keys(), ...found.keys()])]
    .filter((key) => planned.get(key) !== found.get(key))
    .map((key) => `${what} of ${key}: planned ${planned.get(key) ?? 0}, it was ${found.get(key) ?? 0}`);

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index]);
