// Objects whose members are left out when they are undefined: policies travel as JSON and are compared, so that absent means default.

/** The same type with every member possibly undefined. */
export type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };

export function present<T extends object>(members: Loose<T>): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

/** Undefined when no member is there. */
export function presentOrNone<T extends object>(members: Loose<T>): T | undefined {
  const kept = present<T>(members);
  return Object.keys(kept).length > 0 ? kept : undefined;
}
