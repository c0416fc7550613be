// Ids of apps and groups as texts (app.md A2): which ones are legal, and how a relative one becomes absolute.
import { asAppId, type AppId } from '../ids.js';

/** Task ids and container names derive from the id; Docker and file systems end at 255 characters (own limit, Marathon has none). */
export const APP_ID_LENGTH_MAX = 200;

/** Dot-separated parts of lower-case letters, digits and inner dashes. */
const SEGMENT = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** The API appends these to an id in a path, so no id may end in one (api.md 1.5). */
const RESERVED = ['restart', 'tasks', 'versions', '.', '..'] as const;

export const ROOT_ID = asAppId('/');

const PART = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
/** `matchesIdPattern` as one regular expression, for the published schema. */
export const ID_PATTERN = `^/*(?:(?:\\.\\.|${PART}(?:\\.${PART})*)(?:/+|$))*$`;

/** What the schema asks of an id: each segment legal or `..`; slashes may be doubled or trail. */
export const matchesIdPattern = (text: string): boolean =>
  segmentsOf(text).every((segment) => segment === '..' || SEGMENT.test(segment));

/** Absolute form: relative ids start at `base`, `..` goes up (never above the root), slashes are tidied. The root is `/`. */
export function resolveId(text: string, base: AppId = ROOT_ID): AppId {
  const resolved = text.startsWith('/') ? [] : segmentsOf(base);
  for (const segment of segmentsOf(text)) {
    if (segment === '..') resolved.pop();
    else if (segment !== '.') resolved.push(segment);
  }
  return asAppId(`/${resolved.join('/')}`);
}

/** Why an absolute id cannot name an app or a group, or null. The texts are Marathon's. */
export function idFault(id: AppId): string | null {
  const segments = segmentsOf(id);
  if (!segments.length) return 'Path must contain at least one path element';
  if (id.length > APP_ID_LENGTH_MAX) return `must not be longer than ${APP_ID_LENGTH_MAX} characters`;
  return segments.every((segment) => SEGMENT.test(segment))
    ? null
    : `must fully match regular expression '${SEGMENT.source}' in every segment`;
}

/** Why an absolute id cannot be an app's, or null. */
export function appIdFault(id: AppId): string | null {
  const last = segmentsOf(id).at(-1);
  const isReserved = RESERVED.some((word) => word === last);
  return isReserved
    ? `must not end with any of the following reserved keywords: ${RESERVED.join(', ')}`
    : idFault(id);
}

/**
 * The id in a URL path after `/v2/apps` (already percent-decoded): doubled and trailing slashes are dropped, `.` and `..` resolved.
 * Null if no app can have it, for instance because of an upper-case letter; the root (an empty path) is null too.
 */
export function parseAppId(text: string): AppId | null {
  if (text.length > 4 * APP_ID_LENGTH_MAX) return null;
  const id = resolveId(`/${text}`);
  return appIdFault(id) === null ? id : null;
}

/** The same for a group, which may end in a reserved word; an empty path is the root. */
export function parseGroupId(text: string): AppId | null {
  if (text.length > 4 * APP_ID_LENGTH_MAX) return null;
  const id = resolveId(`/${text}`);
  return id === ROOT_ID || idFault(id) === null ? id : null;
}

const segmentsOf = (text: string): string[] => text.split('/').filter((segment) => segment !== '');
