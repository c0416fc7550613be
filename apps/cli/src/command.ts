// What a command is: a name, operands, options, and a function that gets them parsed.
import type { ApiClient } from '#libs/api-client';
import type { Option, Settings } from '#libs/configuration';
import type { Output } from './output/output.js';

export interface CommandContext {
  readonly api: ApiClient;
  readonly settings: Settings;
  readonly output: Output;
}

export interface Command {
  readonly name: string;
  /** As shown in the usage: `FILE…`, `APP N`. */
  readonly operands: string;
  readonly minOperands: number;
  readonly maxOperands: number;
  readonly summary: string;
  readonly options: readonly Option[];
  /** For the usage: what the operands may be, a line each. */
  readonly notes?: readonly string[];
  /** For the usage, where they are not those of every command. */
  readonly exitCodes?: string;
  run(context: CommandContext): Promise<number>;
}

export const WAIT_OPTIONS: readonly Option[] = [
  { name: 'no-wait', kind: 'flag', help: 'return as soon as the change is accepted' },
  { name: 'timeout', kind: 'number', help: 'seconds to wait for the change to be done', default: '900' },
];

/** Of commands that supersede what is under way in any case; scripts of older releases give it. */
export const NEEDLESS_FORCE: Option = {
  name: 'force',
  kind: 'flag',
  help: 'not needed: what is under way for the app is always superseded',
};

/** `web`, `/web` and `//web` name the same app. */
export const appPathOf = (text: string): string =>
  `/${text.split('/').filter(Boolean).map(encodeURIComponent).join('/')}`;
