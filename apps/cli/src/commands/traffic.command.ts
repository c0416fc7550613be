// `longrun traffic APP`: shows how its traffic is shared between its versions beside what proxies measured; with VERSION=WEIGHT it shares
// it anew, with --reset no longer. A version may be `current` (`new`) or `previous` (`old`).
import type { TrafficAnswer } from '#libs/api-client';
import { ConfigurationError } from '#libs/configuration';
import { appPathOf, type Command } from '../command.js';
import { trafficLines } from '../output/traffic-lines.js';

const VERSIONS_MAX = 10;

export const trafficCommand: Command = {
  name: 'traffic',
  operands: 'APP [VERSION=WEIGHT…]',
  minOperands: 1,
  maxOperands: 1 + VERSIONS_MAX,
  summary: 'show or set how the traffic of an app is shared between its versions',
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
  ],
  async run({ api, settings, output }) {
    const [app = '', ...weights] = settings.operands;
    const path = `/v3/apps${appPathOf(app)}/traffic`;
    const isReset = settings.flag('reset');
    const pins = settings.has('pin') ? settings.list('pin').map(pinOf) : [];
    if (isReset && (weights.length || pins.length))
      throw new ConfigurationError('--reset takes all shares and pins back: leave the others out');
    if (!weights.length && pins.length)
      throw new ConfigurationError('a pin needs shares beside it, e.g. previous=100 current=0');
    if (isReset) await api.delete(path);
    else if (weights.length) await api.put(path, { shares: weights.map(shareOf), pins });
    const traffic = await api.get<TrafficAnswer>(path);
    output.result(traffic, () => trafficLines(traffic).join('\n'));
    return 0;
  },
};

function shareOf(text: string): object {
  const [, version, weight] = /^([^=]+)=(\d+)%?$/.exec(text) ?? [];
  if (version === undefined)
    throw new ConfigurationError(
      `a share is VERSION=WEIGHT with a whole WEIGHT, e.g. previous=90 current=10 (got "${text}")`,
    );
  return { version: named(version), weight: Number(weight) };
}

function pinOf(text: string): object {
  const [, by, name, value, version] = /^(header|cookie):([^=]+)=(.+)=([^=]+)$/.exec(text) ?? [];
  if (version === undefined)
    throw new ConfigurationError(
      `--pin must be header:NAME=VALUE=VERSION or cookie:NAME=VALUE=VERSION (got "${text}")`,
    );
  return { by, name, value, version: named(version) };
}

/** What people say for the two versions of a canary. */
const named = (version: string): string =>
  version === 'new' ? 'current' : version === 'old' ? 'previous' : version;
