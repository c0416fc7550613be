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

/** Members of the old and the new style that exclude one another; looked at before all other rules. */
export function checkOldAgainstNew(app: AppInput, problems: Problems): void {
  const docker = app.container?.docker;
  if (app.networks.length && docker?.network !== undefined) {
    problems.add('/', "'networks' and 'container.docker.network' exclude one another; keep 'networks'");
  }
  if (app.networks.length && app.ipAddress) {
    problems.add('/', "'networks' and 'ipAddress' exclude one another; keep 'networks'");
  }
  if (app.ipAddress && (app.ports?.length || app.portDefinitions?.length)) {
    problems.add('/', "'ipAddress' excludes 'ports' and 'portDefinitions'");
  }
  if (app.ipAddress?.discovery && docker && app.container?.type === 'DOCKER') {
    problems.add('/ipAddress', "'discovery' is not possible with a DOCKER container");
  }
  if (app.uris?.length && app.fetch.length) {
    problems.add('/uris', "'uris' and 'fetch' exclude one another; keep 'fetch'");
  }
  const discovered = app.ipAddress?.discovery?.ports.length;
  if (discovered && (app.container?.portMappings ?? docker?.portMappings)) {
    problems.add('/ipAddress', "'discovery' excludes 'portMappings'; keep 'portMappings'");
  }
  if (docker?.network === 'NONE') {
    problems.add('/container/docker/network', 'NONE is not possible; use HOST or BRIDGE');
  }
  if (docker?.portMappings && app.container?.portMappings) {
    problems.add(
      '/container/docker/portMappings',
      "must not be given together with 'container.portMappings'",
    );
  }
  if (app.container?.type === 'MESOS' && docker) checkMesosDocker(docker, problems);
  checkOldPorts(app, problems);
}

type DockerInput = NonNullable<NonNullable<AppInput['container']>['docker']>;

function checkMesosDocker(docker: DockerInput, problems: Problems): void {
  const refuse = (isUsed: unknown, member: string): void => {
    if (isUsed) problems.add(`/container/docker/${member}`, 'must be empty with a container of type MESOS');
  };
  refuse(docker.network, 'network');
  refuse(docker.portMappings, 'portMappings');
  refuse(docker.parameters.length, 'parameters');
  refuse(docker.privileged, 'privileged');
}

function checkOldPorts({ ports, portDefinitions }: AppInput, problems: Problems): void {
  if (!ports) return;
  const fixed = ports.filter((port) => port !== 0);
  if (new Set(fixed).size < fixed.length) problems.add('/', "'ports' must not name a port twice");
  ports.forEach((port, index) => {
    if (port < 0 || port > 65535) problems.add(`/ports(${index})`, 'must be a port number from 0 to 65535');
  });
  const same =
    !portDefinitions ||
    (portDefinitions.length === ports.length &&
      portDefinitions.every(({ port }, index) => port === ports[index]));
  if (!same) {
    problems.add('/', "'ports' and 'portDefinitions' differ; keep 'portDefinitions'");
  }
}

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
