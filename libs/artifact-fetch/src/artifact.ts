// What one entry of `fetch` means: where it comes from, how its file is called, whether it is an archive (behaviour.md 18). Pure.
// A URI may carry credentials, in front of the host or in its query: `shownUri` is the only form that may reach a message.
import { basename, isAbsolute, normalize } from 'node:path/posix';
import { RuntimeError } from '#libs/runtime';
import type { FetchItem } from '#libs/model';

export type Source = { readonly url: URL } | { readonly path: string };
export type ArchiveKind = 'tar' | 'zip' | 'single';
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'none';

export interface Artifact {
  readonly source: Source;
  /** For messages. */
  readonly shown: string;
  /** Relative to the sandbox, normal form, never above it. */
  readonly target: string;
  /** Absent: it is kept as it is. */
  readonly archive?: { readonly kind: ArchiveKind; readonly compression: Compression };
}

const ENDINGS: readonly (readonly [string, ArchiveKind, Compression])[] = [
  ['.tar', 'tar', 'none'],
  ['.tar.gz', 'tar', 'gzip'],
  ['.tgz', 'tar', 'gzip'],
  ['.tar.bz2', 'tar', 'bzip2'],
  ['.tbz2', 'tar', 'bzip2'],
  ['.tar.xz', 'tar', 'xz'],
  ['.txz', 'tar', 'xz'],
  ['.zip', 'zip', 'none'],
  ['.gz', 'single', 'gzip'],
];
/** The task's own output and its older pieces. */
const RESERVED = /^(stdout|stderr)(\.\d+)?$/;

const invalid = (message: string): RuntimeError => new RuntimeError('rejected', 'invalid', message);

/** Without user, password and query. A text that is no URL shows its scheme at most. */
export function shownUri(uri: string): string {
  if (uri.startsWith('/')) return uri;
  if (!URL.canParse(uri)) return schemeOf(uri) === '' ? 'a uri without a scheme' : `${schemeOf(uri)}:…`;
  const { protocol, username, password, host, pathname, search } = new URL(uri);
  const slashes = /^[^:]*:\/\//.test(uri) ? '//' : '';
  return `${protocol}${slashes}${username || password ? '***@' : ''}${host}${slashes ? pathname : '…'}${search ? '?…' : ''}`;
}

const schemeOf = (uri: string): string => /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase() ?? '';

/** Throws `rejected: invalid` with the remedy. */
export function artifactOf(item: FetchItem): Artifact {
  const source = sourceOf(item.uri);
  const shown = shownUri(item.uri);
  const path = 'url' in source ? source.url.pathname : source.path;
  const target = item.destPath === undefined ? path.slice(path.lastIndexOf('/') + 1) : item.destPath;
  if (target === '') {
    throw invalid(`fetch: ${shown} names no file; give one by destPath`);
  }
  const archive = item.extract && !item.executable ? archiveOf(target) : undefined;
  return { source, shown, target: insideSandbox(target, shown), ...(archive ? { archive } : {}) };
}

function sourceOf(uri: string): Source {
  if (uri.startsWith('/')) return { path: uri };
  const scheme = schemeOf(uri);
  const isUrl = URL.canParse(uri);
  if (isUrl && (scheme === 'http' || scheme === 'https')) return { url: new URL(uri) };
  if (isUrl && scheme === 'file') return { path: pathOf(new URL(uri)) };
  const what = scheme === '' ? 'a uri without a scheme' : `scheme '${scheme}'`;
  throw invalid(`fetch: ${what} is not supported; use http, https, file or an absolute path of the agent`);
}

function pathOf({ host, pathname }: URL): string {
  if (host !== '' && host !== 'localhost') {
    throw invalid(`fetch: file://${host}/… names another host; write file:///path for a file of the agent`);
  }
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw invalid('fetch: a file: uri with a % that encodes nothing; write %25 for it');
  }
}

export function archiveOf(name: string): Artifact['archive'] {
  const found = ENDINGS.filter(([ending]) => name.toLowerCase().endsWith(ending)).sort(
    ([a], [b]) => b.length - a.length,
  )[0];
  return found ? { kind: found[1], compression: found[2] } : undefined;
}

function insideSandbox(target: string, shown: string): string {
  const path = normalize(target);
  const isBelow =
    !isAbsolute(path) && path !== '.' && !path.split('/').includes('..') && !path.includes('\0');
  if (!isBelow || path.endsWith('/')) {
    throw invalid(
      `fetch: ${shown} would be stored as '${target}', which is no file inside the sandbox; set destPath`,
    );
  }
  assertNotReserved(path, shown);
  return path;
}

/** Throws when a file at the top of the sandbox would be taken for the task's output. */
export function assertNotReserved(path: string, shown: string): void {
  if (RESERVED.test(path)) {
    throw invalid(
      `fetch: ${shown} would overwrite the task's ${basename(path)}; store it under another name`,
    );
  }
}
