// Checks of what agents and proxies say. They have a token, but may be of another release or have a bug, and what they say is
// stored and decided upon: whatever is not of the promised shape is refused as a whole.

export type Check = (value: unknown) => boolean;

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isText: Check = (value) => typeof value === 'string';
/** May become a key of the store, which takes neither NUL nor half a surrogate pair, nor more than 2700 bytes. */
export const isName: Check = (value) =>
  typeof value === 'string' && /^[^\0\p{Surrogate}]{1,300}$/u.test(value);
export const isFlag: Check = (value) => typeof value === 'boolean';
export const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
export const isCount: Check = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
/** Epoch ms that a calendar has. */
export const isTime: Check = (value) => typeof value === 'number' && Math.abs(value) <= 8.64e15;
export const isAmount: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
export const isPort: Check = (value) => isCount(value) && Number(value) <= 65_535;
export const isNull: Check = (value) => value === null;

export const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && words.includes(value);
export const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
export const optional = (check: Check): Check => either(check, (value) => value === undefined);
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
export const mapOf =
  (check: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(check);
export const shape =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) &&
    Object.entries(members).every(([name, check]) =>
      check(Object.hasOwn(value, name) ? value[name] : undefined),
    );
