import { describe, expect, it } from '@jest/globals';
import type { BasicAuth } from '#libs/routing';
import { PasswordBook } from './basic-auth.js';
import { RateLimiter } from './rate-limiter.js';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
/** Of "secret", with the fewest rounds there are: the specs need not wait. */
const HASH = '$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA';
const auth: BasicAuth = {
  realm: 'shop',
  users: [
    { name: 'ann', secret: HASH, hashed: true },
    { name: 'bob', secret: 'hunter2', hashed: false },
  ],
};

class CountingLimiter extends RateLimiter {
  taken = 0;
  override take(...args: Parameters<RateLimiter['take']>): number {
    this.taken += 1;
    return super.take(...args);
  }
}
function aBook() {
  const clock = { time: 0, now: () => clock.time };
  const limiter = new CountingLimiter(clock);
  const book = new PasswordBook(limiter);
  const ask = (authorization: string | undefined, client = '192.0.2.1'): string =>
    book.check(auth, book.keyOf(auth), authorization, client).kind;
  return { book, ask, limiter, clock };
}

describe('basic authentication', () => {
  it('lets in who knows name and password, hashed or plain', () => {
    const { ask } = aBook();
    expect(ask(basic('ann:secret'))).toBe('in');
    expect(ask(basic('bob:hunter2'))).toBe('in');
    expect(ask(basic('ann:secret').replace('Basic', 'bAsIc '))).toBe('in');
    for (const wrong of [
      undefined,
      '',
      'Basic',
      'Basic !!!',
      'Bearer x',
      basic('ann'),
      basic('ann:'),
      basic('ann:Secret'),
      basic('Ann:secret'),
      basic('eve:secret'),
      basic('bob:secret'),
      basic(`ann:${HASH}`),
      basic(`bob:${'x'.repeat(5_000)}`),
    ])
      expect([wrong, ask(wrong)]).toEqual([wrong, 'out']);
  });

  it('lets nobody in where there is nobody', () => {
    const { book } = aBook();
    const none = { realm: '', users: [] };
    expect(book.check(none, book.keyOf(none), basic(':'), 'x').kind).toBe('out');
  });

  it('computes a hash once, whether it was right or wrong, and for other users of the same name again', () => {
    const { book, ask, limiter } = aBook();
    for (let n = 0; n < 100; n += 1) {
      expect(ask(basic('ann:secret'))).toBe('in');
      expect(ask(basic('ann:wrong'))).toBe('out');
    }
    // one for the client and one for the process each
    expect(limiter.taken).toBe(4);
    const other: BasicAuth = { realm: 'shop', users: [{ name: 'ann', secret: 'other', hashed: false }] };
    expect(book.check(other, book.keyOf(other), basic('ann:secret'), 'x').kind).toBe('out');
  });

  it('bounds how many are computed for one client, without keeping out who was in before', () => {
    const { ask, clock } = aBook();
    expect(ask(basic('ann:secret'))).toBe('in');
    const guesses = Array.from({ length: 30 }, (_, n) => ask(basic(`ann:guess ${n}`)));
    expect(guesses.filter((each) => each === 'out')).toHaveLength(9);
    expect(guesses.filter((each) => each === 'later')).toHaveLength(21);
    expect(ask(basic('ann:secret'))).toBe('in');
    expect(ask(basic('ann:elsewhere'), '192.0.2.2')).toBe('out');
    clock.time += 1_000;
    expect(ask(basic('ann:guess 29'))).toBe('out');
  });
});
