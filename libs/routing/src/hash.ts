// Hashes for consistent balancing and for short names: without dependencies, and the same in every proxy and worker, so that all of them
// send a key to the same target. Not for anything that an attacker must not foresee.

const FNV_START = 0x811c9dc5;

/** FNV-1a, finished so that texts that differ in their last letter differ everywhere. 32 bits, unsigned. */
export const hashOf = (text: string): number => scatter(fnv1a(text));

/** FNV-1a as it is, over UTF-16 units. 32 bits, unsigned. Another `start` makes another hash. */
export function fnv1a(text: string, start = FNV_START): number {
  let value = start;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** The place of a key beside a target: as if drawn at random for each pair, and always the same. 32 bits, unsigned. */
export const placeOf = (key: number, seed: number): number => scatter(key ^ Math.imul(seed, 0x9e3779b1));

/** The finaliser of MurmurHash3: each bit of the input turns about half of the output. */
function scatter(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
