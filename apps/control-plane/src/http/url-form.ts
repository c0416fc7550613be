// Brings request paths into one form before they are routed, as Marathon's clients need it (api.md 1.5, clients.md): doubled slashes
// count as one, a trailing one is ignored, `.` and `..` are resolved. Never a redirect: many clients lose method or body with it.

export function tidyUrl(url: string): string {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const query = queryAt < 0 ? '' : url.slice(queryAt);
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    const plain = segment.toLowerCase().replaceAll('%2e', '.');
    if (plain === '' || plain === '.') continue;
    if (plain === '..') segments.pop();
    else segments.push(segment);
  }
  return `/${segments.join('/')}${query}`;
}

/** Marathon's booleans: only `true` in any case is true; named without a value is false; absent is the default. */
export function flag(query: unknown, name: string, whenAbsent = false): boolean {
  const value = last(member(query, name));
  return value === undefined ? whenAbsent : value.toLowerCase() === 'true';
}

/** A parameter that may be repeated. */
export function values(query: unknown, name: string): string[] {
  const value = member(query, name);
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

export const text = (query: unknown, name: string): string | undefined => last(member(query, name));

function last(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value.at(-1) : value;
  return one === undefined ? undefined : String(one);
}

function member(query: unknown, name: string): unknown {
  return typeof query === 'object' && query !== null && Object.hasOwn(query, name)
    ? (query as Record<string, unknown>)[name]
    : undefined;
}
