// What a path below `/v2/groups` means (api.md 2): ids hold slashes, so the known suffixes are looked for from the end.

export type GroupPath =
  | { readonly kind: 'group'; readonly id: string }
  | { readonly kind: 'apps'; readonly id: string }
  | { readonly kind: 'versions'; readonly id: string }
  | { readonly kind: 'version'; readonly id: string; readonly version: string };

export function readGroupPath(path: string): GroupPath {
  const segments = path.split('/').filter((each) => each !== '');
  const upTo = (count: number): string => segments.slice(0, count).join('/');
  const last = segments.at(-1);
  const count = segments.length;
  if (last === 'apps') return { kind: 'apps', id: upTo(count - 1) };
  if (last === 'versions') return { kind: 'versions', id: upTo(count - 1) };
  if (last !== undefined && segments.at(-2) === 'versions') {
    return { kind: 'version', id: upTo(count - 2), version: last };
  }
  return { kind: 'group', id: upTo(count) };
}
