// `--token` and `--token-file` of agents and proxies, either of which may come from a variable, too.
import type { Settings } from './read-configuration.js';

/** The file that holds the token; undefined: `token` does. A token of the command line wins over a file of the environment, else the file does. */
export const tokenFileOf = (settings: Settings): string | undefined =>
  settings.isGiven('token') && !settings.isGiven('token-file') ? undefined : settings.optional('token-file');
