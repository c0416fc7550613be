import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chooseAddress, type AddressWish } from './address-choice.js';

const wish = (more: Partial<AddressWish> = {}): AddressWish => ({
  range: '172.20.4.0/29',
  taken: new Set(),
  held: new Set(),
  own: undefined,
  seed: 'web.instance-1',
  ...more,
});
/** All that a container can have in the range above. */
const all = [1, 2, 3, 4, 5, 6].map((last) => `172.20.4.${last}`);
const without = (...addresses: string[]): Set<string> =>
  new Set(all.filter((each) => !addresses.includes(each)));

describe('the address of a container', () => {
  it('is what the instance had, unless somebody else has it now', () => {
    const own = '172.20.4.3';
    expect(chooseAddress(wish({ own, held: new Set([own]) }))).toBe(own);
    expect(chooseAddress(wish({ own, taken: without('172.20.4.5') }))).toBe('172.20.4.5');
    expect(all).toContain(chooseAddress(wish({ own: '172.19.4.3' })));
  });

  it('is one that no container holds, and a held one only when nothing else is left', () => {
    expect(chooseAddress(wish({ held: without('172.20.4.2') }))).toBe('172.20.4.2');
    const full = { taken: without('172.20.4.2', '172.20.4.6'), held: new Set(all) };
    expect(['172.20.4.2', '172.20.4.6']).toContain(chooseAddress(wish(full)));
    expect(chooseAddress(wish({ taken: new Set(all) }))).toBeUndefined();
  });

  it('is another one for another instance, as a rule, so that addresses rest', () => {
    const seeds = Array.from({ length: 40 }, (_, index) => `web.instance-${index}`);
    const range = '172.20.4.0/22';
    expect(new Set(seeds.map((seed) => chooseAddress(wish({ range, seed })))).size).toBeGreaterThan(35);
  });

  it.each(['fd00::/64', 'nonsense', '10.0.0.0/31', ''])('is left to the engine for %j', (range) => {
    expect(chooseAddress(wish({ range }))).toBeUndefined();
  });

  it('is always inside its range, and never taken', () => {
    const places = fc.subarray(all);
    fc.assert(
      fc.property(places, places, fc.string(), (taken, held, seed) => {
        const chosen = chooseAddress(wish({ taken: new Set(taken), held: new Set(held), seed }));
        expect(all.filter((each) => !taken.includes(each)).length === 0).toBe(chosen === undefined);
        if (chosen === undefined) return;
        expect(all).toContain(chosen);
        expect(taken).not.toContain(chosen);
      }),
    );
  });
});
