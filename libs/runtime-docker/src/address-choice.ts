// Which address of a network a container gets. Left to itself the Engine gives out the lowest free one, so that the address of a task that
// crashed is another app's a moment later, while proxies may still send requests there (decisions.md 10 says the same of host ports).
// Pure.

export interface AddressWish {
  /** `172.20.0.0/24`, or a part of it that containers are limited to. */
  readonly range: string;
  /** In use now: never chosen. */
  readonly taken: ReadonlySet<string>;
  /** Of containers that are still there, running or not: chosen only when nothing else is left. */
  readonly held: ReadonlySet<string>;
  /** Wanted first, if it is not taken: what the instance had before. */
  readonly own: string | undefined;
  /** Where the search begins; another one for each instance, so that an address rests for long after its last use. */
  readonly seed: string;
}

/** Undefined: every one is taken, or the range is none of IPv4. */
export function chooseAddress({ range, taken, held, own, seed }: AddressWish): string | undefined {
  const block = parsed(range);
  if (!block) return undefined;
  // the network may have been made anew with another range
  if (own !== undefined && !taken.has(own) && contains(block, own)) return own;
  const start = hashOf(seed) % block.size;
  let last: string | undefined;
  for (let step = 0; step < block.size; step += 1) {
    const address = textOf(block.first + ((start + step) % block.size));
    if (taken.has(address)) continue;
    if (!held.has(address)) return address;
    last ??= address;
  }
  return last;
}

interface Block {
  readonly first: number;
  readonly size: number;
}

/** Without its first and last address, which name the network and everybody in it. */
function parsed(range: string): Block | undefined {
  const [address = '', length = ''] = range.split('/');
  const number = numberOf(address);
  const bits = /^\d+$/.test(length) ? Number(length) : 0;
  if (number === undefined || bits < 8 || bits > 30) return undefined;
  const all = 2 ** (32 - bits);
  return { first: number - (number % all) + 1, size: all - 2 };
}

function contains({ first, size }: Block, address: string): boolean {
  const number = numberOf(address) ?? -1;
  return number >= first && number < first + size;
}

function numberOf(address: string): number | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  return match?.slice(1).reduce((number, part) => number * 256 + Number(part), 0);
}

const textOf = (number: number): string =>
  [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(number / unit) % 256).join('.');

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
