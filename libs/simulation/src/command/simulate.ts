// `npm run simulate`: runs seeds in threads, tells how far it is, and explains the first one that failed.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { scenarioOf } from '../scenario/generate.js';
import type { Scenario } from '../scenario/scenario.js';
import { shrink } from '../shrink.js';
import { storyOf } from '../story.js';
import { readOptions, USAGE, UsageError, type SimulateOptions } from './options.js';
import { ENDLESS, runSafely, type SeedResult } from './seed-run.js';
import { runSeeds } from './seed-threads.js';
import { Totals } from './totals.js';

const say = (text: string): void => void process.stdout.write(text);
const tell = (line: string): void => void process.stderr.write(`${line}\n`);
/** A progress line so often, ms. */
const PROGRESS_MS = 10_000;
/** For making one failing scenario small: most runs, and most CPU time, ms. */
const SHRINK = { runs: 600, cpuMs: 180_000 };

/** Returns the exit code. */
export async function simulate(words: readonly string[]): Promise<0 | 1 | 2> {
  try {
    const options = readOptions(words, { now: Date.now(), cores: availableParallelism() });
    if (options) return await run(options);
    say(USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(error.message);
    return 2;
  }
}

async function run(options: SimulateOptions): Promise<0 | 1> {
  const given = options.scenario === null ? null : readScenario(options.scenario);
  if (options.traces) await trace(given ?? scenarioOf(options.seed ?? ''));
  const totals = new Totals();
  const startedAt = performance.now();
  const wanted = options.seeds === Number.MAX_SAFE_INTEGER ? null : options.seeds;
  if (options.seed === null && !given) tell(`seeds from ${options.first} on, ${options.jobs} at once`);
  const isOver = (): boolean =>
    (totals.failed.length > 0 && !options.keepsGoing) ||
    (options.minutes !== null && performance.now() - startedAt > options.minutes * 60_000);
  let begun = 0;
  let toldAt = startedAt;
  await runSeeds({
    jobs: Math.min(options.jobs, options.seeds),
    next: () => {
      if (begun >= options.seeds || isOver()) return null;
      const seed = given?.seed ?? options.seed ?? String(options.first + begun);
      begun += 1;
      return { seed, replays: options.replays, ...(given ? { scenario: given } : {}) };
    },
    done: (result) => {
      totals.add(result);
      const now = performance.now();
      if (now - toldAt < PROGRESS_MS) return;
      toldAt = now;
      tell(totals.progress(wanted, now - startedAt));
    },
  });
  tell(totals.progress(wanted, performance.now() - startedAt));
  if (options.asJson) {
    const failed = totals.failures;
    say(`${JSON.stringify({ first: options.first, seeds: totals.seeds, counts: totals.counts, failed })}\n`);
  } else say(totals.report());
  const [first] = totals.failures;
  if (!first) return 0;
  if (!options.asJson && first.broken) say(`\n${await explain(first, given, options.shrinks)}`);
  return 1;
}

/** The log of a run, line by line. */
async function trace(scenario: Scenario): Promise<void> {
  const { log } = await runSafely(scenario, true);
  for (const line of log) say(`${line}\n`);
}

/** The failing run as a story, made small first. */
async function explain(failure: SeedResult, given: Scenario | null, shrinks: boolean): Promise<string> {
  const original = given ?? scenarioOf(failure.seed);
  const { broken } = failure;
  if (!broken) return '';
  // it would not end here either
  if (broken.rule === ENDLESS) return storyOf({ scenario: original, broken, log: [] });
  const small = shrinks
    ? await shrink(original, broken, runSafely, {
        ...SHRINK,
        cpuNow,
        tell: (line) => tell(`smaller: ${line}`),
      })
    : { scenario: original, broken };
  const { log } = await runSafely(small.scenario, true);
  if (!shrinks) return storyOf({ scenario: original, broken, log });
  const file = join(tmpdir(), `longrun-scenario-${failure.seed.replaceAll(/[^\w-]/g, '_')}.json`);
  writeFileSync(file, `${JSON.stringify(small.scenario, null, 2)}\n`);
  return storyOf({ scenario: small.scenario, broken: small.broken, log, original, file });
}

function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function readScenario(file: string): Scenario {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--scenario ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isScenario(read))
    throw new UsageError(`--scenario ${file}: it is not a scenario that a failing run wrote`);
  return read;
}

/** By its outline: the file was written by this command, or changed by hand by somebody who knows. */
function isScenario(value: unknown): value is Scenario {
  if (typeof value !== 'object' || value === null) return false;
  const { seed, durationMs, quietFromMs, agents, controlPlanes, proxies, actions } =
    value as Partial<Scenario>;
  return (
    typeof seed === 'string' &&
    [durationMs, quietFromMs, controlPlanes, proxies].every((each) => typeof each === 'number') &&
    Array.isArray(agents) &&
    agents.length > 0 &&
    Array.isArray(actions) &&
    actions.every(
      (each: unknown) => typeof each === 'object' && each !== null && 'do' in each && 'at' in each,
    )
  );
}
