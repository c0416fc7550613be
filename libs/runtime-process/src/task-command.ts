// What exactly is run, as whom, and with which environment: the spec's, a PATH, a HOME and the sandbox; never the agent's own.
import { RuntimeError } from '#libs/runtime';
import type { LaunchSpec } from '#libs/model';
import { becoming } from './account.js';
import type { Account } from './account.js';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** With a `user` also who that is, as a login would set it; the app may say otherwise. */
export function environmentOf(spec: LaunchSpec, sandbox: string, account?: Account): Record<string, string> {
  const who = account ? { HOME: account.home, USER: account.name, LOGNAME: account.name } : { HOME: sandbox };
  return { PATH: DEFAULT_PATH, ...who, ...spec.env, MESOS_DIRECTORY: sandbox, MESOS_SANDBOX: sandbox };
}

/** `cmd` through a shell, `args` as they are. */
export function commandOf(spec: LaunchSpec): readonly string[] {
  if (spec.cmd !== undefined) return ['/bin/sh', '-c', spec.cmd];
  if (spec.args?.length) return spec.args;
  throw new RuntimeError(
    'rejected',
    'invalid',
    'nothing to run: a process needs cmd or args (an app with an image needs container.type DOCKER)',
  );
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Loaded into every program that is started with them, so into the one that gives up root too. */
const LOADER_NAME = /^(LD_|GLIBC_TUNABLES$|GCONV_PATH$|LOCPATH$|NLSPATH$|MALLOC_)/;

export interface Wrapping {
  /** Put before the command; empty when nothing is needed. */
  readonly before: readonly string[];
  /** What is left to be given as it is. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How a command gets its account and its whole environment. A shell loses variables whose names it could not use itself, e.g.
 * `spring.datasource.url`, so env(1) sets them; and those that a program loader obeys, once the account is the right one.
 */
export function wrappingOf(env: Readonly<Record<string, string>>, account: Account | undefined): Wrapping {
  const steps = account ? becoming(account) : [];
  const isLate = (name: string): boolean =>
    !SHELL_NAME.test(name) || (steps.length > 0 && LOADER_NAME.test(name));
  const late = Object.entries(env).filter(([name]) => isLate(name));
  const setting = late.length ? ['/usr/bin/env', ...late.map(([name, value]) => `${name}=${value}`)] : [];
  return {
    before: [...steps, ...setting],
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !isLate(name))),
  };
}

/** The line by which the task's shell puts `before` before its command, from a closed file; empty when there is nothing. */
export const wrappingLine = ({ before }: Wrapping): string =>
  before.length ? `set -- ${before.map(quoted).join(' ')} "$@"\n` : '';
