// What happened to a definition, version by version (`GET /v3/apps/ID/history`): which members changed, from what to what. Compared is
// what the API shows, so paths and values are the ones that people write.
import { showApp, type AppVersion } from '#libs/model';

/** `before` or `after` is absent where the member was. Paths as in errors: `/container/portMappings(0)/servicePort`. */
export interface MemberChange {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export type VersionKind =
  | 'created'
  | 'scaled' // only the number of instances
  | 'restarted' // nothing differs, all instances were replaced
  | 'changed';

export interface VersionStory {
  readonly version: string;
  readonly kind: VersionKind;
  /** Compared with the version before; empty for the first one. */
  readonly changes: readonly MemberChange[];
}

/**
 * `versions`: as stored, newest first. `isComplete`: none is forgotten, so the oldest one is the first there ever was; otherwise it is
 * left out, for nothing is known of what it changed.
 */
export function presentHistory(
  versions: readonly AppVersion[],
  isComplete: boolean,
): readonly VersionStory[] {
  const stories = versions.map((each, at): VersionStory => {
    const before = versions[at + 1];
    if (!before) return { version: each.version, kind: 'created', changes: [] };
    const changes = changesBetween(showApp(before.spec), showApp(each.spec));
    return { version: each.version, kind: kindOf(before, each, changes), changes };
  });
  return isComplete ? stories : stories.slice(0, -1);
}

function kindOf(before: AppVersion, after: AppVersion, changes: readonly MemberChange[]): VersionKind {
  if (changes.some(({ path }) => path !== '/instances')) return 'changed';
  return before.lastConfigChangeAt === after.lastConfigChangeAt ? 'scaled' : 'restarted';
}

/** Differences of two JSON values, in the order of their members; lists of objects by position, other lists as a whole. */
export function changesBetween(before: unknown, after: unknown, path = ''): readonly MemberChange[] {
  if (isMap(before) && isMap(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) =>
      changesBetween(member(before, name), member(after, name), `${path}/${name}`),
    );
  }
  if (isListOfMaps(before) && isListOfMaps(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, at) => changesBetween(before[at], after[at], `${path}(${at})`)).flat();
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [
    {
      path: path || '/',
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    },
  ];
}

/** A label may be called `constructor`. */
const member = (map: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(map, name) ? map[name] : undefined;
const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isListOfMaps = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.every(isMap);
