// `npm run simulate`: runs seeds in threads, tells how far it is, lists those that failed and explains the first few of them.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { wordsOf } from '../engine/words.js';
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
/** So many failing seeds are explained, each of another promise. */
const EXPLAINED = 3;
/** For making failing scenarios small: most runs of each, and most CPU time of all together, ms. */
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
  const totals = new Totals();
  const startedAt = performance.now();
  const wanted = options.seeds === Number.MAX_SAFE_INTEGER ? null : options.seeds;
  if (options.seed === null && !given) tell(`seeds from ${options.first} on, ${options.jobs} at once`);
  let toldAt = startedAt;
  const done = (result: SeedResult): void => {
    totals.add(result);
    if (result.broken && result.seed !== options.seed && !given)
      tell(`seed ${result.seed} breaks the promise "${result.broken.rule}"`);
    const now = performance.now();
    if (now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    tell(totals.progress(wanted, now - startedAt));
  };
  const traced = options.traces ? await trace(given ?? scenarioOf(options.seed ?? '')) : null;
  if (traced && options.replays === 1) done(traced);
  else await runAll(options, given, totals, done);
  tell(totals.progress(wanted, performance.now() - startedAt));
  if (options.asJson) {
    const failed = totals.failures;
    say(`${JSON.stringify({ first: options.first, seeds: totals.seeds, counts: totals.counts, failed })}\n`);
  } else say(totals.report());
  if (!totals.failed.length) return 0;
  if (!options.asJson) await explainSome(totals.examples(EXPLAINED), given, options.shrinks);
  return 1;
}

async function runAll(
  options: SimulateOptions,
  given: Scenario | null,
  totals: Totals,
  done: (result: SeedResult) => void,
): Promise<void> {
  const endsAt = options.minutes === null ? Infinity : performance.now() + options.minutes * 60_000;
  let begun = 0;
  await runSeeds({
    jobs: Math.min(options.jobs, options.seeds),
    next: () => {
      const isOver = performance.now() > endsAt || (options.failsFast && totals.failed.length > 0);
      if (begun >= options.seeds || isOver) return null;
      const seed = given?.seed ?? options.seed ?? String(options.first + begun);
      begun += 1;
      return { seed, replays: options.replays, ...(given ? { scenario: given } : {}) };
    },
    done,
  });
}

/** Prints the log of a run, line by line. */
async function trace(scenario: Scenario): Promise<SeedResult> {
  const { log, broken, digest, counts } = await runSafely(scenario, true);
  for (const line of log) say(`${line}\n`);
  const simulatedMs = broken ? broken.at : scenario.durationMs;
  return { seed: scenario.seed, broken, digests: [digest], counts, simulatedMs };
}

async function explainSome(
  failures: readonly SeedResult[],
  given: Scenario | null,
  shrinks: boolean,
): Promise<void> {
  const cpuMs = SHRINK.cpuMs / failures.length;
  for (const each of failures) say(`\n${await explain(each, given, shrinks ? { ...SHRINK, cpuMs } : null)}`);
}

/** The failing run as a story, made small first within the limits. */
async function explain(
  failure: SeedResult,
  given: Scenario | null,
  limits: typeof SHRINK | null,
): Promise<string> {
  const original = given ?? scenarioOf(failure.seed);
  const { broken } = failure;
  if (!broken) return '';
  // it would not end here either
  if (broken.rule === ENDLESS) return storyOf({ scenario: original, broken, log: [] });
  const small = limits
    ? await shrink(original, broken, runSafely, {
        ...limits,
        cpuNow,
        tell: (line) => tell(`smaller: ${line}`),
      })
    : { scenario: original, broken };
  const { log } = await runSafely(small.scenario, true);
  if (!limits) return storyOf({ scenario: original, broken, log });
  // the file that was given is not written over
  const name = `${failure.seed.replaceAll(/[^\w-]/g, '_')}${given ? '-smaller' : ''}`;
  const file = join(tmpdir(), `longrun-scenario-${name}.json`);
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
    throw new UsageError(`--scenario ${file}: ${wordsOf(error)}`);
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
