// Randomness from one seed. Every part of a run has a stream of its own, named, so that one part that draws more or less often does
// not change what the others draw; that keeps a shrunk scenario close to the one it came from.
import type { Ids } from '#libs/time';

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
    [this.#a, this.#b, this.#c, this.#d] = fourHashes(seed);
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  /** Another stream; the same name gives the same one. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  /** 0 <= x < 1 */
  share(): number {
    return this.#next() / 2 ** 32;
  }
  /** A whole number, both ends included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.share() * (to - from + 1));
  }
  chance(share: number): boolean {
    return this.share() < share;
  }
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T {
    const picked = items[this.whole(0, items.length - 1)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
  /** By weight; weights need not sum to 1. */
  weighted<T>(items: readonly (readonly [number, T])[]): T {
    const total = items.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.share() * total;
    for (const [weight, item] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    return this.pick(items)[1];
  }
  /** Mostly near `from`, seldom near `to`: how long things take in practice. */
  skewed(from: number, to: number): number {
    return Math.round(from + (to - from) * this.share() ** 3);
  }

  /** sfc32: small, fast, and passes the usual batteries. */
  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}

/** UUIDs from a stream, in the form that the parts expect. */
export function randomUuids(random: Random): Ids {
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.whole(0, 15).toString(16)).join('');
  return { uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}` };
}

/** FNV-1a with four offsets. */
function fourHashes(text: string): [number, number, number, number] {
  const hash = (offset: number): number => {
    let value = offset | 0;
    for (let index = 0; index < text.length; index += 1) {
      value = Math.imul(value ^ text.charCodeAt(index), 16_777_619);
    }
    return value | 0;
  };
  return [hash(0x811c9dc5), hash(0x9e3779b9), hash(0x85ebca6b), hash(0xc2b2ae35)];
}
