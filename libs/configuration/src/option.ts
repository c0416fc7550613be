// The options of one command as data: name, flag, environment variable, kind, default, help.

export type OptionKind = 'text' | 'port' | 'port-range' | 'number' | 'flag' | 'url' | 'path' | 'list';

export interface Option {
  /** `api-port`: the flag is `--api-port`, the variable `LONGRUN_API_PORT`, the key in longrun.yaml `api-port`. */
  readonly name: string;
  readonly kind: OptionKind;
  /** One letter: `f` lets `-f` stand for it. */
  readonly short?: string;
  readonly help: string;
  readonly default?: string;
  readonly required?: boolean;
  /** Of a number. */
  readonly range?: NumberRange;
  /** Another environment variable that counts too, e.g. DATABASE_URL. */
  readonly env?: string;
  /** Its value never appears in messages; giving it as a flag warns, for flags are visible in ps. */
  readonly secret?: boolean;
}

export interface NumberRange {
  readonly from: number;
  readonly to: number;
  /** Only whole numbers. */
  readonly whole?: true;
}

export interface PortSpan {
  readonly from: number;
  readonly to: number;
}

/** Thrown for anything a person must mend; `message` names the option and the remedy, and is all that should be printed. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

function wrong(option: Option, source: string, wanted: string, text: string): never {
  const shown = option.secret ? '' : ` (got "${text.slice(0, 80)}")`;
  throw new ConfigurationError(`${source} must be ${wanted}${shown}`);
}

export function parsePort(option: Option, source: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) wrong(option, source, 'a port number from 1 to 65535', text);
  return port;
}

export function parsePortRange(option: Option, source: string, text: string): PortSpan {
  const [from = '', to = '', ...rest] = text.split('-');
  if (!from || !to || rest.length) wrong(option, source, 'a range of ports like 31000-32000', text);
  const span = { from: parsePort(option, source, from), to: parsePort(option, source, to) };
  if (span.from > span.to) wrong(option, source, 'a range of ports from the lower to the higher one', text);
  return span;
}

export function parseNumber(option: Option, source: string, text: string): number {
  const value = Number(text);
  const { from = 0, to = Number.MAX_VALUE, whole = false } = option.range ?? {};
  const isIn = value >= from && value <= to && (!whole || Number.isInteger(value));
  if (text.trim() === '' || !isIn) {
    const kind = whole ? 'a whole number' : 'a number';
    wrong(option, source, option.range ? `${kind} from ${from} to ${to}` : 'a number, 0 or more', text);
  }
  return value;
}

export function parseFlag(option: Option, source: string, text: string): boolean {
  if (['true', '1', 'yes'].includes(text.toLowerCase())) return true;
  if (['false', '0', 'no', ''].includes(text.toLowerCase())) return false;
  return wrong(option, source, 'true or false', text);
}

export function parseUrl(option: Option, source: string, text: string): string {
  if (!URL.canParse(text)) wrong(option, source, 'a URL like http://127.0.0.1:8080', text);
  return text.replace(/\/+$/, '');
}
