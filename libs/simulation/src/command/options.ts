// What `npm run simulate` was asked for. An option that is not known, or a value that makes no sense, is an error with its remedy.

export interface SimulateOptions {
  readonly seeds: number;
  /** Seeds are this number and the ones after it. */
  readonly first: number;
  /** This one only. */
  readonly seed: string | null;
  /** This scenario, as JSON in a file, only. */
  readonly scenario: string | null;
  readonly replays: number;
  readonly jobs: number;
  /** Begin no seed after so many minutes; null: no bound. */
  readonly minutes: number | null;
  /** Begin no seed after one that failed. */
  readonly failsFast: boolean;
  readonly shrinks: boolean;
  readonly traces: boolean;
  readonly asJson: boolean;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `npm run simulate -- [OPTIONS]

Runs a simulated cluster (the real planner, reconciler, agent and proxy logic on a virtual clock) for half an hour of its time per
seed, breaks things in it, and checks every promise after each event. A seed always gives the same run.

  --seeds N        how many seeds (100)
  --first N        the first of them, a whole number; the others follow (by default a fresh one from the clock)
  --seed S         this seed only, any text
  --scenario FILE  this scenario only, as a failing run wrote it
  --replays N      run the seed, or each of the seeds, N times and compare the logs (1)
  --trace          print the whole log, with --seed or --scenario
  --jobs N         how many at once, each in a thread of its own (the number of cores)
  --minutes N      begin no more seeds after so many minutes; without --seeds as many as there is time for
  --fail-fast      begin no more seeds after one that failed
  --no-shrink      do not make failing scenarios smaller
  --json           print the result as JSON
  --help

The exit code is 0 when every promise held, 1 when one was broken or two runs of a seed differ, 2 for a mistake in the options.
`;

/** Null: help was asked for. `now`: epoch ms, for the fresh first seed. */
export function readOptions(
  words: readonly string[],
  { now, cores }: { readonly now: number; readonly cores: number },
): SimulateOptions | null {
  const given = new Map<string, string>();
  const flags = new Set<string>();
  for (let index = 0; index < words.length; index += 1) {
    const [name = '', inline] = splitOnce(words[index] ?? '');
    if (FLAGS.has(name)) {
      if (inline !== undefined) throw new UsageError(`${name} takes no value`);
      flags.add(name);
    } else if (VALUES.has(name)) {
      const value = inline ?? words[(index += 1)];
      if (value === undefined) throw new UsageError(`${name} needs a value`);
      if (given.has(name)) throw new UsageError(`${name} is given twice`);
      given.set(name, value);
    } else throw new UsageError(`unknown option ${name}; --help lists them`);
  }
  if (flags.has('--help')) return null;
  const one = [...['--seed', '--scenario'].filter((name) => given.has(name))];
  if (one.length > 1) throw new UsageError('--seed and --scenario exclude each other');
  for (const name of ['--seeds', '--first', '--minutes']) {
    if (one[0] && given.has(name)) throw new UsageError(`${name} does not go with ${one[0]}`);
  }
  if (flags.has('--trace') && !one.length) throw new UsageError('--trace needs --seed or --scenario');
  const whole = (name: string, least: number, otherwise: number): number =>
    wholeNumber(name, given.get(name), least) ?? otherwise;
  const minutes = given.has('--minutes') ? positive('--minutes', given.get('--minutes')) : null;
  return {
    seeds: one.length ? 1 : whole('--seeds', 1, minutes === null ? 100 : Number.MAX_SAFE_INTEGER),
    first: whole('--first', 0, Math.floor(now / 1000) % 1_000_000_000),
    seed: given.get('--seed') ?? null,
    scenario: given.get('--scenario') ?? null,
    replays: whole('--replays', 1, 1),
    jobs: whole('--jobs', 1, cores),
    minutes,
    failsFast: flags.has('--fail-fast'),
    shrinks: !flags.has('--no-shrink'),
    traces: flags.has('--trace'),
    asJson: flags.has('--json'),
  };
}

const VALUES = new Set(['--seeds', '--first', '--seed', '--scenario', '--replays', '--jobs', '--minutes']);
const FLAGS = new Set(['--trace', '--fail-fast', '--no-shrink', '--json', '--help']);

function splitOnce(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function wholeNumber(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${name} must be a whole number from ${least} on, not '${text}'`);
}

function positive(name: string, text: string | undefined): number {
  const value = Number(text);
  if (text?.trim() && Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`${name} must be a number above 0, not '${text ?? ''}'`);
}
