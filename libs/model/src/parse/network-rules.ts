// Networking of an app (app.md A5): the translation of the old style, and the rules about networks.
import type { Network, PortMapping } from '../app-spec.js';
import type { AppInput } from './app-schema.js';
import type { AppPorts } from './port-rules.js';
import type { Problems } from './problems.js';

export type NetworkMode = Network['mode'];

/** Marathon's name for the agent's own bridge in `ipAddress`. */
const BRIDGE_NAME = 'mesos-bridge';

/** New style first; without it the old members decide; without those it is host networking. A container network may lack its name. */
export function networksOf({ networks, container, ipAddress }: AppInput): readonly Network[] {
  if (networks.length) return networks.map(({ mode, name, labels }) => networkOf(mode, name, labels));
  const old = container?.docker?.network;
  if (old === 'HOST') return [{ mode: 'host' }];
  if (old === 'BRIDGE') return [networkOf('container/bridge', undefined, ipAddress?.labels)];
  if (!ipAddress) return [{ mode: old === 'USER' ? 'container' : 'host' }];
  const { networkName, labels } = ipAddress;
  return old === undefined && networkName === BRIDGE_NAME
    ? [networkOf('container/bridge', undefined, labels)]
    : [networkOf('container', networkName, labels)];
}

const networkOf = (
  mode: NetworkMode,
  name: string | undefined,
  labels: Readonly<Record<string, string>> = {},
): Network => ({
  mode,
  ...(name === undefined ? {} : { name }),
  ...(Object.keys(labels).length ? { labels } : {}),
});

export const modeOf = (networks: readonly { readonly mode: NetworkMode }[]): NetworkMode =>
  networks[0]?.mode ?? 'host';

/** `networks` as `networksOf` gives them; `ports` are the app's. */
export function checkNetworks(
  networks: readonly Network[],
  ports: AppPorts,
  container: AppInput['container'],
  problems: Problems,
): void {
  checkNetworkList(networks, (text) => problems.add('/networks', text));
  const containers = networks.filter(({ mode }) => mode === 'container').length;
  if (containers > 1 && container?.type === 'DOCKER') {
    problems.add('/', 'a container of type DOCKER can have one container network only');
  }
  if (ports.kind === 'mappings') checkNetworkNames(networks, ports.ports, problems);
}

/** Also for pods, whose `networks` are the same. */
export function checkNetworkList(networks: readonly Network[], fail: (text: string) => void): void {
  for (const { mode, name, labels } of networks) {
    if (mode !== 'container' && name !== undefined) fail(`a network with mode ${mode} must not have a name`);
    if (mode === 'host' && Object.keys(labels ?? {}).length) fail('a host network must not have labels');
    if (mode === 'container' && name === undefined) fail(NEEDS_NAME);
  }
  const names = networks.flatMap(({ name }) => name ?? []);
  if (new Set(names).size < names.length) fail('names of networks must be different');
  const modes = new Set(networks.map(({ mode }) => mode));
  const mixed = modes.size > 1 || (networks.length > 1 && !modes.has('container'));
  if (mixed) fail('must be one host network, or one bridge network, or only container networks');
}

const NEEDS_NAME =
  "a container network needs a name, for there is no default one: give 'name', the name of a Docker network on the agents " +
  "('mode' is 'container' when it is absent; the network USER is one too)";

function checkNetworkNames(
  networks: readonly Network[],
  mappings: readonly PortMapping[],
  problems: Problems,
): void {
  const known = new Set(networks.map(({ name }) => name));
  const several = networks.filter(({ mode }) => mode === 'container').length > 1;
  mappings.forEach(({ networkNames = [], hostPort }, index) => {
    const path = `/container/portMappings(${index})`;
    networkNames.forEach((name, at) => {
      if (!known.has(name))
        problems.add(`${path}/networkNames(${at})`, 'must be the name of a network of this app');
    });
    if (several && hostPort !== undefined && networkNames.length !== 1) {
      problems.add(
        path,
        'with several container networks, a mapping with a host port needs exactly one network name',
      );
    }
  });
}
