// Small values and objects as clients write them: enums in any case, members left out or null.
import fc from 'fast-check';

/** What JSON holds. */
export type Body = Record<string, unknown>;

/** A segment of an id, a name of a port or network. */
export const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
export const words = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((each) => !each.includes('\0'));
export const seconds = fc.nat(10_000);
export const share = fc.double({ min: 0, max: 1, noNaN: true });
export const port = fc.oneof(fc.constant(0), fc.nat(65_535));
export const labels = fc.dictionary(words, words, { maxKeys: 3 });

/** One of the literals, now and then in lower case. */
export const literal = (...literals: string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...literals), fc.boolean())
    .map(([text, lower]) => (lower ? text.toLowerCase() : text));

/** Every optional member is there, or null, or absent. */
export function members(
  optional: Record<string, fc.Arbitrary<unknown>>,
  mandatory: Record<string, fc.Arbitrary<unknown>> = {},
): fc.Arbitrary<Body> {
  const orNull = Object.fromEntries(
    Object.entries(optional).map(([member, of]) => [member, fc.option(of, { nil: null, freq: 8 })]),
  );
  return fc.record({ ...mandatory, ...orNull }, { requiredKeys: Object.keys(mandatory) });
}

/** The same entries with names of their own: the index makes them so. */
export const withOwnNames = (entries: readonly Body[]): Body[] =>
  entries.map((each, index) =>
    typeof each.name === 'string' ? { ...each, name: `${each.name}${index}` } : each,
  );

/** A list, or no entry of that name at all. */
export const without = (body: Body, ...unwanted: string[]): Body =>
  Object.fromEntries(Object.entries(body).filter(([member]) => !unwanted.includes(member)));
