// What exactly is run, and with which environment: the spec's, a PATH, a HOME and the sandbox; never the agent's own.
import { RuntimeError } from '#libs/runtime';
import type { LaunchSpec } from '#libs/model';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function environmentOf(spec: LaunchSpec, sandbox: string): Record<string, string> {
  return { PATH: DEFAULT_PATH, HOME: sandbox, ...spec.env, MESOS_SANDBOX: sandbox };
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

/**
 * A shell loses variables whose names it could not use itself, e.g. `spring.datasource.url`. For those: a line that the task's
 * shell reads from a closed file and that puts env(1) before the command. Empty when there are none.
 */
export function awkwardEnvironment(env: Readonly<Record<string, string>>): string {
  const awkward = Object.entries(env).filter(([name]) => !SHELL_NAME.test(name));
  if (!awkward.length) return '';
  return `set -- env ${awkward.map(([name, value]) => quoted(`${name}=${value}`)).join(' ')} "$@"\n`;
}
