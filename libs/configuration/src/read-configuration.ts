// Reads the settings of one command: flags win over LONGRUN_* variables, those over longrun.yaml, those over defaults.
// Unknown flags and keys are errors that name the nearest known one, because a mistyped option must never be ignored.
import { parse as parseYaml } from 'yaml';
import {
  ConfigurationError,
  parseFlag,
  parseNumber,
  parsePort,
  parsePortRange,
  parseUrl,
  type Option,
  type PortSpan,
} from './option.js';

export interface Sources {
  /** Without node and script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of longrun.yaml; absent: there is none. */
  readonly yaml?: string;
  /** Options of other commands that may stand in the same longrun.yaml or environment. */
  readonly foreign?: readonly string[];
}

export class Settings {
  readonly #values: ReadonlyMap<string, { option: Option; source: string; text: string }>;
  readonly #options: ReadonlyMap<string, Option>;

  constructor(
    options: readonly Option[],
    values: ReadonlyMap<string, { option: Option; source: string; text: string }>,
    /** What is left of argv: FILE… */
    readonly operands: readonly string[],
    /** For the log: secrets given as flags. */
    readonly warnings: readonly string[],
    /** Names of the options on the command line. */
    private readonly given: ReadonlySet<string>,
  ) {
    this.#options = new Map(options.map((option) => [option.name, option]));
    this.#values = values;
  }

  /** Given on the command line, and not by a variable or a file. */
  isGiven(name: string): boolean {
    return this.given.has(name);
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  text(name: string): string {
    return this.#of(name).text;
  }
  optional(name: string): string | undefined {
    return this.#values.get(name)?.text;
  }
  port(name: string): number {
    return this.#parsed(name, parsePort);
  }
  portRange(name: string): PortSpan {
    return this.#parsed(name, parsePortRange);
  }
  number(name: string): number {
    return this.#parsed(name, parseNumber);
  }
  flag(name: string): boolean {
    return this.has(name) && this.#parsed(name, parseFlag);
  }
  url(name: string): string {
    return this.#parsed(name, parseUrl);
  }
  /** Comma-separated, trimmed, empty ones dropped; [] when unset. */
  list(name: string): string[] {
    return (this.optional(name) ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean);
  }

  #of(name: string): { option: Option; source: string; text: string } {
    const value = this.#values.get(name);
    if (value) return value;
    const option = this.#options.get(name);
    if (!option) throw new Error(`no option is called ${name}`);
    const variables = [option.env, variableOf(name)].filter((each) => each !== undefined);
    throw new ConfigurationError(`--${name} is missing (or ${variables.join(', or ')})`);
  }
  #parsed<T>(name: string, parse: (option: Option, source: string, text: string) => T): T {
    const { option, source, text } = this.#of(name);
    return parse(option, source, text);
  }
}

export const variableOf = (name: string): string => `LONGRUN_${name.toUpperCase().replaceAll('-', '_')}`;

/** Throws ConfigurationError; every value has been parsed once, so later reads cannot fail. */
export function readConfiguration(options: readonly Option[], sources: Sources): Settings {
  const known = new Map(options.map((option) => [option.name, option]));
  const values = new Map<string, { option: Option; source: string; text: string }>();
  for (const option of options) {
    if (option.default !== undefined)
      values.set(option.name, { option, source: `--${option.name}`, text: option.default });
  }
  for (const [name, text] of fromYaml(sources.yaml, known, sources.foreign ?? [])) {
    const option = known.get(name);
    if (option) values.set(name, { option, source: `${name} in longrun.yaml`, text });
  }
  for (const option of options) {
    for (const variable of [option.env, variableOf(option.name)]) {
      const text = variable === undefined ? undefined : sources.env[variable];
      if (variable !== undefined && text !== undefined && text !== '')
        values.set(option.name, { option, source: variable, text });
    }
  }
  const { flags, operands } = fromFlags(sources.argv, known);
  const warnings: string[] = [];
  for (const [name, text] of flags) {
    const option = known.get(name);
    if (!option) continue;
    values.set(name, { option, source: `--${name}`, text });
    if (option.secret)
      warnings.push(
        `--${name} is visible to every user of this host; use ${variableOf(name)} or a file instead`,
      );
  }
  const settings = new Settings(options, values, operands, warnings, new Set(flags.keys()));
  for (const { name, kind, required } of options) {
    if (!settings.has(name)) {
      if (required) settings.text(name);
      continue;
    }
    if (kind === 'port') settings.port(name);
    if (kind === 'port-range') settings.portRange(name);
    if (kind === 'number') settings.number(name);
    if (kind === 'flag') settings.flag(name);
    if (kind === 'url') settings.url(name);
  }
  return settings;
}

function fromFlags(
  argv: readonly string[],
  known: ReadonlyMap<string, Option>,
): { flags: Map<string, string>; operands: string[] } {
  const flags = new Map<string, string>();
  const operands: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--') return { flags, operands: [...operands, ...argv.slice(at + 1)] };
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    const [flag = '', ...rest] = word.split('=');
    const option = flag.startsWith('--')
      ? known.get(flag.slice(2))
      : [...known.values()].find(({ short }) => short !== undefined && flag === `-${short}`);
    if (!option)
      throw unknown(
        flag,
        [...known.keys()].map((name) => `--${name}`),
      );
    if (rest.length) flags.set(option.name, rest.join('='));
    else if (option.kind === 'flag') flags.set(option.name, 'true');
    else {
      const next = argv[(at += 1)];
      if (next === undefined) throw new ConfigurationError(`--${option.name} needs a value`);
      flags.set(option.name, next);
    }
  }
  return { flags, operands };
}

function* fromYaml(
  text: string | undefined,
  known: ReadonlyMap<string, Option>,
  foreign: readonly string[],
): Iterable<[string, string]> {
  if (text === undefined) return;
  let content: unknown;
  try {
    content = parseYaml(text) ?? {};
  } catch (error) {
    throw new ConfigurationError(
      `longrun.yaml is not valid YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigurationError('longrun.yaml must hold a map of options, e.g. "api-port: 8080"');
  }
  for (const [name, value] of Object.entries(content)) {
    if (foreign.includes(name)) continue;
    if (!known.has(name)) throw unknown(`${name} in longrun.yaml`, [...known.keys(), ...foreign]);
    if (typeof value === 'object')
      throw new ConfigurationError(`${name} in longrun.yaml must be a single value`);
    yield [name, String(value)];
  }
}

function unknown(given: string, candidates: readonly string[]): ConfigurationError {
  const word = given.split(' ')[0] ?? given;
  const near = candidates.find((each) => distance(each, word) <= 3);
  return new ConfigurationError(`unknown option ${given}${near ? `; did you mean ${near}?` : ''}`);
}

/** Levenshtein distance, for "did you mean". */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
