// The HAProxy that is to be run: whether it is one that we know, and what it can do. Asked before anything is started, so that a wrong
// name is said by its option instead of in a log of HAProxy's.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ConfigurationError } from '#libs/configuration';

const run = promisify(execFile);

export interface HaproxyAbilities {
  /** It was built with scripts, as those of the distributions are. */
  readonly hasLua: boolean;
  /** Scripts may be filters, which see bodies go by (2.5 has them as an experiment). */
  readonly countsBodies: boolean;
}

const OLDEST = [2, 4] as const;
/** It prints at once; what is no HAProxy may wait for something. */
const ANSWER_MS = 20_000;
const SAID_MAX = 1024 * 1024;

/** `program`: by PATH or as a path. Throws ConfigurationError, with the remedy, when it is no HAProxy that we know. */
export async function lookAtHaproxy(program: string): Promise<HaproxyAbilities> {
  const refuse = (why: string): ConfigurationError =>
    new ConfigurationError(
      `--haproxy-program ${program} ${why}; install HAProxy ${OLDEST.join('.')} or newer, name it with --haproxy-program, or use --engine builtin`,
    );
  const about = await run(program, ['-vv'], {
    timeout: ANSWER_MS,
    killSignal: 'SIGKILL',
    maxBuffer: SAID_MAX,
  }).catch((error: unknown) => {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw refuse('is not there');
    if (code === 'EACCES') throw refuse('may not be run (EACCES: no permission, or a folder)');
    // it ran, and did not understand what each HAProxy understands
    throw refuse('is not HAProxy, or cannot be run here (it does not print its version)');
  });
  const version = /^HA-?Proxy version (\d+)\.(\d+)/m.exec(about.stdout);
  if (!version) throw refuse('is not HAProxy');
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw refuse(`is HAProxy ${major}.${minor}, which is too old`);
  const hasLua = /\+LUA\b/.test(about.stdout);
  return { hasLua, countsBodies: hasLua && (major > 2 || minor >= 6) };
}
