// Downloads in canonical form: `fetch`, or the old `uris` translated (app.md A1, A14), and the rules about URIs and places.
import type { FetchItem } from '../app-spec.js';
import type { AppInput } from './app-schema.js';
import type { FetchInput } from './fetch-schema.js';
import type { Problems } from './problems.js';

/** Endings of a URI's path that the old style unpacks. */
const ARCHIVE = /\.(?:tar|tar\.gz|tar\.bz2|tar\.xz|gz|tgz|tbz2|txz|zip)$/;

/** For input in which only one of the two has anything. */
export const downloadsOf = ({ fetch, uris }: AppInput): readonly FetchItem[] =>
  fetch.length ? fetch.map(toItem) : (uris ?? []).map(fromUri);

const toItem = ({ destPath, ...input }: FetchInput): FetchItem => ({
  ...input,
  ...(destPath === undefined ? {} : { destPath }),
});

const fromUri = (uri: string): FetchItem => ({
  uri,
  extract: ARCHIVE.test(uri.replace(/[?#].*$/s, '')),
  executable: false,
  cache: false,
});

export function checkDownloads({ fetch, uris }: AppInput, problems: Problems): void {
  const check = (uri: string, path: string): void => {
    if (!isUri(uri)) problems.add(path, 'must be a valid URI');
  };
  uris?.forEach((uri, index) => check(uri, `/uris(${index})`));
  fetch.forEach(({ uri, destPath }, index) => {
    check(uri, `/fetch(${index})/uri`);
    if (destPath !== undefined && leavesSandbox(destPath)) {
      problems.add(`/fetch(${index})/destPath`, 'must stay in the sandbox: a relative path without ".."');
    }
  });
}

/** Absolute, or with a step up that no earlier step down makes good; agents refuse these too. */
function leavesSandbox(path: string): boolean {
  let depth = 0;
  for (const step of path.split('/')) {
    if (step === '..') depth -= 1;
    else if (step !== '' && step !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return path.startsWith('/');
}

const URI_TEXT = /^(?:[^\s"<>\\^`{|}%]|%[0-9a-fA-F]{2})+$/;
export const isUri = (text: string): boolean => URI_TEXT.test(text);
