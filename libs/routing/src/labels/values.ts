// Reads the texts of labels. A reader gives undefined for what it cannot use, and says what it can: the sentence of the warning.

export interface ValueReader<T> {
  /** Completes "… is not used: it must be". */
  readonly allowed: string;
  /** `text` is trimmed and not empty. */
  read(text: string): T | undefined;
}

const TRUE = new Set(['true', 't', 'yes', 'y', '1', 'on']);
const FALSE = new Set(['false', 'f', 'no', 'n', '0', 'off']);

export const truth: ValueReader<boolean> = {
  allowed: 'true or false',
  read: (text) => {
    const word = text.toLowerCase();
    return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
  },
};

export const integer = (from: number, to: number): ValueReader<number> => ({
  allowed: `a whole number from ${from} to ${to}`,
  read: (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= from && value <= to ? value : undefined;
  },
});

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds: `500ms`, `1.5s`, `2m`, `1h`, `7d`; seconds without a unit. */
export const duration = (fromMs: number, toMs: number): ValueReader<number> => ({
  allowed: `a time from ${showMs(fromMs)} to ${showMs(toMs)}, such as 500ms, 30s or 5m`,
  read: (text) => {
    const [, digits, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d)?$/i.exec(text) ?? [];
    if (digits === undefined) return undefined;
    const value = Math.round(Number(digits) * (UNIT_MS[unit.toLowerCase()] ?? 0));
    return value >= fromMs && value <= toMs ? value : undefined;
  },
});

function showMs(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((each) => ms > 0 && ms % (UNIT_MS[each] ?? 1) === 0) ?? 'ms';
  return `${ms / (UNIT_MS[unit] ?? 1)}${unit}`;
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** In bytes: `65536`, `64KiB` or `64k` (x 1024), `64kB` (x 1000). */
export const size = (from: number, to: number): ValueReader<number> => ({
  allowed: `a size from ${from} bytes to ${to / 2 ** 30} GiB, such as 65536, 64KiB or 10MiB`,
  read: (text) => {
    const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([a-z]{0,3})$/i.exec(text) ?? [];
    const factor = UNIT_BYTES[unit.toLowerCase()];
    if (digits === undefined || factor === undefined) return undefined;
    const value = Math.round(Number(digits) * factor);
    return value >= from && value <= to ? value : undefined;
  },
});

const PER_SECOND: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Per second: `100`, `100/s`, `600/m`, `5000/h`. */
export const rate: ValueReader<number> = {
  allowed: 'a number of requests above 0 and at most 1000000 per second, such as 100/s, 600/m or 5000/h',
  read: (text) => {
    const [, digits, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)\s*(?:\/\s*(s|m|h))?$/i.exec(text) ?? [];
    if (digits === undefined) return undefined;
    const value = Number(digits) / (PER_SECOND[unit.toLowerCase()] ?? 1);
    return value > 0 && value <= 1_000_000 ? value : undefined;
  },
};

export const oneOf = <const T extends string>(...words: readonly T[]): ValueReader<T> => ({
  allowed: words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : `${words[0]}`,
  read: (text) => words.find((each) => each === text.toLowerCase()),
});

/** A path of a URL with leading slash, without query; trailing slashes make no difference. */
export const urlPath: ValueReader<string> = {
  allowed: 'a path that must begin with a slash, without blanks, ? and #',
  read: (text) =>
    /^\/[!"$-~]*$/.test(text) && !text.includes('?') ? text.replace(/\/+$/, '') || '/' : undefined,
};

/** A path or a whole http(s) URL: what a redirect may name. */
export const redirectTarget: ValueReader<string> = {
  allowed: 'a path that begins with a slash, or a URL with http:// or https://, without blanks',
  read: (text) =>
    text.length <= 2048 && /^(?:\/(?!\/)|https?:\/\/[^/\s])[!-~]*$/i.test(text) ? text : undefined,
};

/** RFC 9110 5.6.2. */
export const isToken = (text: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(text);

/** RFC 9110 5.5, without obs-text of doubtful meaning to nobody: bytes above 127 are what the sender says they are. */
export const isFieldValue = (text: string): boolean =>
  text.length <= 8192 && /^[\t\x20-\x7e\x80-\xff]*$/.test(text);

/** Items of a list that commas, blanks and line breaks separate. */
export const itemsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

const SHOWN_MAX = 60;

/** A text of a label for a sentence: short, and on one line. */
export function shown(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f]+/g, ' ');
  return `"${line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line}"`;
}
