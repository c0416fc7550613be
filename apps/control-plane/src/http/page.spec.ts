// Pages of a list that changes while it is read: what exists all the time is shown exactly once.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pageOf, readPage } from './page.js';

/** One call; gives the items and the query of the next page. */
function page(items: readonly string[], query: string, descending: boolean) {
  const headers: Record<string, string> = {};
  const request = { url: `/v2/apps?${query}`, query: Object.fromEntries(new URLSearchParams(query)) };
  const reply = { header: (name: string, value: string) => (headers[name] = value) };
  const sorted = [...items].sort();
  const shown = pageOf(
    descending ? sorted.reverse() : sorted,
    { keyOf: (item) => [item], descending },
    request as unknown as FastifyRequest,
    reply as unknown as FastifyReply,
  );
  const [, next] = /^<\/v2\/apps\?([^>]+)>; rel="next"$/.exec(headers['Link'] ?? '') ?? [];
  return { shown, next };
}
const ask = (query: Record<string, string>) => readPage({ query } as FastifyRequest);

describe('pageOf', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[a-e]{1,3}$/), { maxLength: 20 });

  it('shows what stays exactly once, whatever comes and goes between the pages', () => {
    fc.assert(
      fc.property(
        ids,
        fc.array(ids, { minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (...all) => {
          const [stable, churn, limit, descending] = all;
          const seen: string[] = [];
          let query: string | undefined = `embed=x&limit=${limit}`;
          for (let round = 0; query !== undefined; round += 1) {
            const passing = churn[round % churn.length] ?? [];
            const { shown, next } = page([...new Set([...stable, ...passing])], query, descending);
            expect(shown.length).toBeLessThanOrEqual(limit);
            expect(next === undefined || next.startsWith(`embed=x&limit=${limit}&cursor=`)).toBe(true);
            seen.push(...shown);
            query = next;
          }
          expect(seen.filter((id) => stable.includes(id)).sort()).toEqual([...stable].sort());
          expect(new Set(seen).size).toBe(seen.length);
        },
      ),
    );
  });

  it('gives all without parameters, and no next page after the last one', () => {
    expect(page(['b', 'a'], '', false)).toEqual({ shown: ['a', 'b'], next: undefined });
    expect(page(['b', 'a'], 'limit=2', false).next).toBeUndefined();
  });
});

describe('readPage', () => {
  it.each(['0', '1001', '-1', '1.5', 'x', ''])('refuses limit=%s by name', (limit) =>
    expect(() => ask({ limit })).toThrow(/'limit'/),
  );
  it.each(['x', 'e30', Buffer.from('[{}]').toString('base64url')])('refuses cursor=%s by name', (cursor) =>
    expect(() => ask({ cursor })).toThrow(/'cursor'/),
  );
});
