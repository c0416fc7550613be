// Failures of a download in the words and kinds of a runtime. What may pass is `temporary` and tried again with backoff, as Mesos
// counts a failed fetch as a failed task; what the definition must change for is `rejected: invalid`.
import { RuntimeError } from '#libs/runtime';

export const temporary = (message: string, cause?: unknown): RuntimeError =>
  new RuntimeError('temporary', 'temporary', message, undefined, cause === undefined ? {} : { cause });
export const invalid = (message: string, cause?: unknown): RuntimeError =>
  new RuntimeError('rejected', 'invalid', message, undefined, cause === undefined ? {} : { cause });

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

/** `shown` never holds credentials. System errors are told by their code: their texts would repeat paths and queries. */
export function asFetchError(error: unknown, shown: string): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return temporary(`fetch: no space left on the disk of the agent while storing ${shown}`, error);
  }
  if (code === 'ENAMETOOLONG')
    return invalid(`fetch: ${shown} has a name that is too long for a file`, error);
  if (code === 'ENOTDIR' || code === 'EISDIR' || code === 'EEXIST' || code === 'ERR_FS_EISDIR') {
    return invalid(`fetch: ${shown} would be stored where something else is already`, error);
  }
  if (code.startsWith('Z_'))
    return invalid(`fetch: ${shown} cannot be unpacked: it is damaged (${code})`, error);
  const reason = code || (error instanceof Error ? error.message : String(error));
  return temporary(`fetch: ${shown} could not be fetched: ${reason}`, error);
}
