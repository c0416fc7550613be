// `linuxInfo.seccomp.profileName`: a file of that name in the folder that the agent was given for it, as Mesos's
// `--seccomp_config_dir`. The Engine takes the text of a profile, not its path.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LinuxInfo } from '#libs/model';
import { invalid } from './engine-errors.js';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/** The profile for the Engine; undefined when none is named. Throws `rejected: invalid` with the remedy. */
export async function seccompProfile(
  linuxInfo: LinuxInfo | undefined,
  folder: string | undefined,
): Promise<string | undefined> {
  const name = linuxInfo?.seccomp?.profileName;
  if (name === undefined) return undefined;
  if (!NAME.test(name)) throw invalid(`seccomp profile '${name}' is no file name`);
  if (folder === undefined) {
    throw invalid(
      `seccomp profile '${name}': this agent has no profiles; start it with --seccomp-profiles DIR`,
    );
  }
  const text = (await textOf(join(folder, name))) ?? (await textOf(join(folder, `${name}.json`)));
  if (text === undefined) {
    throw invalid(
      `seccomp profile '${name}' is not in ${folder} of this agent; put a file of that name there`,
    );
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw invalid(
      `seccomp profile '${name}' is no JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw invalid(`seccomp profile ${path} cannot be read: ${code}`);
  }
}
