// `longrun traffic APP`: shows how its traffic is shared between its versions beside what proxies measured; with VERSION=WEIGHT it shares
// it anew, with --reset no longer. A version may be `current` (`new`) or `previous` (`old`).
import { ApiError, type TrafficAnswer } from '#libs/api-client';
import { ConfigurationError } from '#libs/configuration';
import { appPathOf, type Command, type CommandContext } from '../command.js';
import { CommandFailed } from '../exit.js';
import { trafficRefusal } from '../output/cli-words.js';
import { trafficLines } from '../output/traffic-lines.js';

const VERSIONS_MAX = 10;

export const trafficCommand: Command = {
  name: 'traffic',
  operands: 'APP [VERSION=WEIGHT…]',
  minOperands: 1,
  maxOperands: 1 + VERSIONS_MAX,
  summary: 'show or set how the traffic of an app is shared between its versions',
  notes: [
    'APP may also be the name of a deployment group (HAPROXY_DEPLOYMENT_GROUP), to be shown.',
    'VERSION is "current" or "new", "previous" or "old" (the newest that the current one replaces), or a time such as',
    '2026-01-31T12:00:00.000Z from the list. WEIGHT is a whole number from 0 to 1000, a share of the sum of all: old=90 new=10.',
    'A version that is not named gets 0. While an older one has a weight above 0, a rollout keeps its instances and waits.',
    'Pins stay as they are while shares change, until other ones are given, --no-pins, or --reset.',
  ],
  options: [
    {
      name: 'reset',
      kind: 'flag',
      help: 'take the shares back: instances count alike, a held rollout goes on',
    },
    {
      name: 'pin',
      kind: 'list',
      help: 'requests that go to a version whatever the shares: header:NAME=VALUE=VERSION or cookie:NAME=VALUE=VERSION, several with commas',
    },
    { name: 'no-pins', kind: 'flag', help: 'with shares: take the pins back' },
  ],
  async run(context) {
    const { api, settings, output } = context;
    const [app = '', ...weights] = settings.operands;
    const path = `/v3/apps${appPathOf(app)}/traffic`;
    const isReset = settings.flag('reset');
    const pins = pinsOf(settings);
    if (isReset && (weights.length || pins.length))
      throw new ConfigurationError('--reset takes all shares and pins back: leave the others out');
    if (!weights.length && pins.length)
      throw new ConfigurationError('a pin needs shares beside it, e.g. previous=100 current=0');
    if (isReset) await api.delete(path);
    else if (weights.length) await share(context, path);
    else if (settings.flag('no-pins'))
      throw new ConfigurationError('--no-pins needs shares beside it; --reset takes all back');
    const traffic = await api.get<TrafficAnswer>(path);
    output.result(traffic, () => trafficLines(traffic).join('\n'));
    return 0;
  },
};

const pinsOf = (settings: CommandContext['settings']): readonly Pin[] =>
  settings.has('pin') ? settings.list('pin').map(pinOf) : [];

/** The server takes the whole of shares and pins; a person who changes the shares means to keep the pins. */
async function share({ api, settings, output }: CommandContext, path: string): Promise<void> {
  const weights = settings.operands.slice(1);
  const shares = weights.map(shareOf);
  const given = settings.has('pin');
  if (given && settings.flag('no-pins'))
    throw new ConfigurationError('--no-pins takes all pins back: leave --pin out');
  const before = given || settings.flag('no-pins') ? null : await api.get<TrafficAnswer>(path);
  // a share of a version is listed beyond its last instance
  const there = before?.versions.filter(({ current, instances }) => current || instances > 0) ?? [];
  const known = new Set(there.map(({ version }) => version));
  const kept = before?.pins.filter(({ version }) => known.has(version)) ?? [];
  const gone = before?.pins.filter(({ version }) => !known.has(version)) ?? [];
  for (const { by, name, version } of gone)
    output.progress(`the pin by ${by} ${name} goes, for version ${version} has no instances any more`);
  try {
    await api.put(path, { shares, pins: given ? pinsOf(settings) : kept });
  } catch (error) {
    if (!(error instanceof ApiError) || !error.details.length) throw error;
    const words = {
      shares: weights,
      pins: given ? settings.list('pin') : kept.map(({ by, name, version }) => `${by}:${name}=…=${version}`),
    };
    throw new CommandFailed(['nothing is changed:', ...trafficRefusal(error.details, words)].join('\n  '));
  }
}

interface Pin {
  readonly by: string;
  readonly name: string;
  readonly value: string;
  readonly version: string;
}

function shareOf(text: string): object {
  const [, version, weight] = /^([^=]+)=(\d+)%?$/.exec(text) ?? [];
  if (version === undefined)
    throw new ConfigurationError(
      `a share is VERSION=WEIGHT with a whole WEIGHT, e.g. previous=90 current=10 (got "${text}")`,
    );
  return { version: named(version), weight: Number(weight) };
}

function pinOf(text: string): Pin {
  const [, by, name, value, version] = /^(header|cookie):([^=]+)=(.+)=([^=]+)$/.exec(text) ?? [];
  if (by === undefined || name === undefined || value === undefined || version === undefined)
    throw new ConfigurationError(
      `--pin must be header:NAME=VALUE=VERSION or cookie:NAME=VALUE=VERSION (got "${text}")`,
    );
  return { by, name, value, version: named(version) };
}

/** What people say for the two versions of a canary. */
const named = (version: string): string =>
  version === 'new' ? 'current' : version === 'old' ? 'previous' : version;
