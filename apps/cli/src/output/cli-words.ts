// What the server says in words of its API, in those of the command line, where there are such.

/** Texts of any kind: what is waited for, explanations, errors. */
export const inCliWords = (text: string): string =>
  text.replace(/DELETE \/v3\/apps(\/[^\s;,]+)\/traffic/g, '"longrun traffic $1 --reset"');

export interface TrafficWords {
  /** As they were given: `old=90`. */
  readonly shares: readonly string[];
  /** As they were given: `header:X-Canary=yes=new`. */
  readonly pins: readonly string[];
}

/** A line for each thing that is wrong with shares or pins, by what a person has written. */
export function trafficRefusal(
  details: readonly { readonly path: string; readonly errors: readonly string[] }[],
  { shares, pins }: TrafficWords,
): readonly string[] {
  return details.map(({ path, errors }) => {
    const [, list, index] = /^\/(shares|pins)\((\d+)\)/.exec(path) ?? [];
    const given = (list === 'pins' ? pins : shares)[Number(index)];
    const what = given === undefined ? shares.join(' ') : list === 'pins' ? `--pin ${given}` : given;
    return `${what}: ${errors.map(ofShares).join('; ')}`;
  });
}

const ofShares = (error: string): string =>
  inCliWords(error).replace('DELETE the shares', 'take them back with --reset');
