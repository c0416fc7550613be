// Options as lines of a help text.
import type { Option } from './option.js';

/** One line each, flags in a column: `  -f, --follow   go on as lines are written`. */
export function describeOptions(options: readonly Option[]): string[] {
  const rows = options.map(({ name, short, kind, help, default: usual }) => ({
    flag: `${short === undefined ? '' : `-${short}, `}--${name}${kind === 'flag' ? '' : ' VALUE'}`,
    help: `${help}${usual === undefined ? '' : ` (${usual})`}`,
  }));
  const width = Math.max(0, ...rows.map(({ flag }) => flag.length));
  return rows.map(({ flag, help }) => `  ${flag.padEnd(width)}  ${help}`);
}
