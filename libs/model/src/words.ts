// A number and what it counts, in sentences for people.

/** `1 instance`, `2 instances`; `many`: where an `s` is not all that differs, for the verb too (`1 proxy waits`, `2 proxies wait`). */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
