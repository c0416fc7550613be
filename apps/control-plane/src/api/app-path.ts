// What a path below `/v2/apps/` means (api.md 1.5): ids hold slashes, so the known suffixes are looked for from the end.

export type AppPath =
  | { readonly kind: 'app'; readonly id: string }
  | { readonly kind: 'group'; readonly id: string }
  | { readonly kind: 'group-tasks'; readonly id: string }
  | { readonly kind: 'restart'; readonly id: string }
  | { readonly kind: 'tasks'; readonly id: string }
  | { readonly kind: 'task'; readonly id: string; readonly task: string }
  | { readonly kind: 'versions'; readonly id: string }
  | { readonly kind: 'version'; readonly id: string; readonly version: string };

export function readAppPath(path: string): AppPath {
  const segments = path.split('/').filter((each) => each !== '');
  const last = segments.at(-1) ?? '';
  const upTo = (count: number): string => segments.slice(0, count).join('/');
  const count = segments.length;
  if (last === '*') return { kind: 'group', id: upTo(count - 1) };
  if (count >= 2) {
    const id = upTo(count - 1);
    if (last === 'restart') return { kind: 'restart', id };
    if (last === 'versions') return { kind: 'versions', id };
    if (last === 'tasks') {
      return segments.at(-2) === '*' ? { kind: 'group-tasks', id: upTo(count - 2) } : { kind: 'tasks', id };
    }
  }
  if (count >= 3) {
    const id = upTo(count - 2);
    if (segments.at(-2) === 'tasks') return { kind: 'task', id, task: last };
    if (segments.at(-2) === 'versions') return { kind: 'version', id, version: last };
  }
  return { kind: 'app', id: upTo(count) };
}
