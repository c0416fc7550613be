// Long lists in pages: `limit` and `cursor` in, `Link: <…>; rel="next"` out, for the body of an answer keeps Marathon's members only.
// A cursor is the key of the last item shown, not a position: whatever comes and goes meanwhile, an item that stays is shown once.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import { text } from './url-form.js';

export const LIMIT_MAX = 1000;

/** What orders a list: never changes as long as the item exists, and no two items have the same. */
export type PageKey = readonly (string | number)[];

export interface PageOrder<Item> {
  readonly keyOf: (item: Item) => PageKey;
  /** Per part of the key; absent: all ascending. */
  readonly descending?: boolean;
}

export interface PageRequest {
  /** Absent: all. */
  readonly limit?: number;
  readonly after?: PageKey;
}

/** Throws a 422 that names the parameter. */
export function readPage({ query }: FastifyRequest): PageRequest {
  const limit = text(query, 'limit');
  const cursor = text(query, 'cursor');
  return {
    ...(limit === undefined ? {} : { limit: readLimit(limit) }),
    ...(cursor === undefined || cursor === '' ? {} : { after: readCursor(cursor) }),
  };
}

/** `items` in the order of their keys; as few as possible are taken from it. Sets the header when there are more. */
export function pageOf<Item>(
  items: Iterable<Item>,
  { keyOf, descending = false }: PageOrder<Item>,
  request: FastifyRequest,
  reply: FastifyReply,
): readonly Item[] {
  const { limit, after } = readPage(request);
  const shown: Item[] = [];
  for (const item of items) {
    if (after && !isBehind(keyOf(item), after, descending)) continue;
    const last = shown.at(-1);
    if (last !== undefined && shown.length === limit) {
      void reply.header('Link', `<${nextUrl(request.url, keyOf(last))}>; rel="next"`);
      return shown;
    }
    shown.push(item);
  }
  return shown;
}

/** Parts of one key are compared one after the other; texts by their UTF-16 units. */
function isBehind(key: PageKey, other: PageKey, descending: boolean): boolean {
  for (const [at, part] of key.entries()) {
    const theirs = other[at];
    if (theirs === undefined || part === theirs) continue;
    return part > theirs !== descending;
  }
  return false;
}

function readLimit(given: string): number {
  const limit = /^\d{1,5}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > LIMIT_MAX) {
    throw failures.invalidArgument(
      `Invalid value '${given.slice(0, 50)}' of parameter 'limit': a whole number from 1 to ${LIMIT_MAX} is expected.`,
    );
  }
  return limit;
}

function readCursor(given: string): PageKey {
  const key = parsed(Buffer.from(given, 'base64url').toString('utf8'));
  const isKey =
    Array.isArray(key) && key.every((each) => typeof each === 'string' || typeof each === 'number');
  if (!isKey) {
    throw failures.invalidArgument(
      "Invalid value of parameter 'cursor': take it as it is from the Link header of the page before.",
    );
  }
  return key as PageKey;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** The same question with another cursor. */
function nextUrl(url: string, key: PageKey): string {
  const [path = '', query = ''] = url.split('?');
  const kept = query.split('&').filter((each) => each !== '' && !/^cursor(=|$)/.test(each));
  return `${path}?${[...kept, `cursor=${Buffer.from(JSON.stringify(key)).toString('base64url')}`].join('&')}`;
}
