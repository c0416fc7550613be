// Members of the old style beside those of the new one (app.md A4-A6, A13): looked at before all other rules.
import type { AppInput } from './app-schema.js';
import type { Problems } from './problems.js';

/** What excludes one another. */
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
