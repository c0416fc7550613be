// Turns what the Engine (or the socket to it) says into the two kinds a worker needs: trying again may help, or it changes nothing.
// Without an HTTP status the Engine was not there or went away in the middle: always temporary.
import { RuntimeError } from '#libs/runtime';

interface EngineFailure {
  readonly statusCode?: number;
  readonly json?: { readonly message?: unknown };
  readonly message?: string;
}

const PORT_TAKEN = /port is already allocated|address already in use/i;
const TAKEN_PORT = /(?:Bind for |listen (?:tcp|udp)\w* )\S*?:(\d+)/i;
const NO_IMAGE =
  /no such image|manifest (?:unknown|for .* not found)|not found: manifest|repository does not exist|pull access denied|does not exist or no pull access|name unknown|invalid reference format/i;
/** The OCI runtime's words for a definition that cannot start, which some versions answer with 500. */
const BAD_COMMAND =
  /executable file not found|no such file or directory: unknown|permission denied: unknown|not a directory: unknown|unable to find (?:user|group) /i;

const NO_NETWORK = /\bnetwork ([\w.-]+) not found|no such network:? ([\w.-]+)/i;

export const statusOf = (error: unknown): number | undefined => (error as EngineFailure | null)?.statusCode;

/** The Engine's own words, without dockerode's prefix. */
export function wordsOf(error: unknown): string {
  const failure = error as EngineFailure | null;
  const told = failure?.json?.message;
  if (typeof told === 'string' && told) return told.trim();
  return (failure?.message ?? String(error)).replace(/^\(HTTP code \d+\)[^-]*- /, '').trim();
}

/** `what` says what was tried: `start container longrun.web`. */
export function asRuntimeError(error: unknown, what: string): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const words = wordsOf(error);
  const message = `could not ${what}: ${words}`;
  const options = { cause: error };
  // exactly these words are about an address of a network, and not about a port
  if (PORT_TAKEN.test(words) && !/^address already in use$/i.test(words)) {
    const port = Number(TAKEN_PORT.exec(words)?.[1]);
    return new RuntimeError('rejected', 'port-taken', message, port || undefined, options);
  }
  if (NO_IMAGE.test(words))
    return new RuntimeError('rejected', 'image-not-found', message, undefined, options);
  const [, missing, missingToo] = NO_NETWORK.exec(words) ?? [];
  const network = missing ?? missingToo;
  if (network !== undefined) {
    const remedy = `create it on this agent's host: docker network create ${network}`;
    return new RuntimeError('rejected', 'invalid', `${message}; ${remedy}`, undefined, options);
  }
  const status = statusOf(error);
  if (status === 400 || BAD_COMMAND.test(words)) {
    return new RuntimeError('rejected', 'invalid', message, undefined, options);
  }
  return new RuntimeError('temporary', 'temporary', message, undefined, options);
}

export const invalid = (message: string): RuntimeError => new RuntimeError('rejected', 'invalid', message);
