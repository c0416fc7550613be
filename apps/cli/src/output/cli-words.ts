// What the server says in words of its API, in those of the command line, where there are such.

/** What the server says of its calls, and the command that does the same, or as much of it as there is one for. */
const WORDS: readonly (readonly [call: RegExp, command: string])[] = [
  [/DELETE \/v3\/apps(\/[^\s;,]+)\/traffic/g, '"longrun traffic $1 --reset"'],
  [/DELETE the shares/g, 'take them back with --reset'],
  [/must be a list of 1 to (\d+) objects \{version, weight\}/g, '1 to $1 versions can have a share'],
  [/must be a list of at most (\d+) objects \{by, name, value, version\}/g, 'there can be at most $1 pins'],
  [
    /(\/\S+)( was created by deployment \S+, which still runs\.) To take all of that deployment back, the app too: DELETE \/v2\/deployments\/[^\s.]+/g,
    '$1$2 To remove the app: "longrun remove $1 --force"',
  ],
  [
    /GET \/v3\/apps\/\S+\/history shows them; PUT \/v2\/apps\/\S+ with \{"version": "…"\} puts back any of them/g,
    '"longrun deploy" of the file that it was deployed from puts one back',
  ],
  [
    /GET \/v3\/instances lists those that exist, GET \/v3\/apps\/ID\/why what/g,
    '"longrun status APP" lists those that exist, "longrun why APP" what',
  ],
  [
    /Send them in the Authorization header/g,
    'Give them as user:password by LONGRUN_CREDENTIALS, or by --credentials, which others see in ps',
  ],
  [
    /Override with the option '\?force=true'\. View details at '\/v2\/deployments\/<DEPLOYMENT_ID>'/g,
    'Override with --force',
  ],
];

/** Texts of any kind: what is waited for, explanations, errors. */
export const inCliWords = (text: string): string =>
  WORDS.reduce((said, [call, command]) => said.replace(call, command), text);

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
    const [, list, index] = /^\/(shares|pins)(?:\((\d+)\))?/.exec(path) ?? [];
    const given = index === undefined ? undefined : (list === 'pins' ? pins : shares)[Number(index)];
    const what = list === 'pins' ? `--pin ${given ?? ''}`.trim() : (given ?? shares.join(' '));
    return `${what}: ${errors.map(inCliWords).join('; ')}`;
  });
}
