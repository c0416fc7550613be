// n x share, exactly: as decimals, not binary floating point (behaviour.md 5: 100 x 0.07 is 7, not 7.000000000000001).

interface Product {
  readonly units: bigint;
  readonly scale: bigint;
}

/** ceil(count x share); count is a whole number >= 0, share >= 0. */
export function shareRoundedUp(count: number, share: number): number {
  const { units, scale } = product(count, share);
  return Number((units + scale - 1n) / scale);
}

/** floor(count x share). */
export function shareRoundedDown(count: number, share: number): number {
  const { units, scale } = product(count, share);
  return Number(units / scale);
}

/** Reads the share as it was written: JavaScript prints the shortest text that means the same number. */
function product(count: number, share: number): Product {
  const [mantissa = '0', exponent = '0'] = String(share).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const digits = BigInt(whole + fraction) * BigInt(count);
  const power = Number(exponent) - fraction.length;
  return power >= 0
    ? { units: digits * 10n ** BigInt(power), scale: 1n }
    : { units: digits, scale: 10n ** BigInt(-power) };
}
