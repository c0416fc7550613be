// Rules of a pod's containers and their endpoints (app.md B2), at Marathon's paths.
import { piece } from '../piece.js';
import { isUri } from './fetch-rules.js';
import { checkLinuxInfo } from './linux-rules.js';
import { modeOf } from './network-rules.js';
import type { PodContainerInput } from './pod-container-schema.js';
import type { PodInput } from './pod-schema.js';
import type { Problems } from './problems.js';

export function checkPodContainers(pod: PodInput, problems: Problems): void {
  const { containers, volumes } = pod;
  const names = containers.map(({ name }) => name);
  if (new Set(names).size < names.length)
    problems.add('/containers', 'names of containers must be different');
  const known = new Set(volumes.map(({ name }) => name));
  containers.forEach((each, index) => {
    const path = `/containers(${index})`;
    checkContainer(each, path, problems);
    checkProbe(each, 'healthCheck', path, problems);
    checkProbe(each, 'check', path, problems);
    each.volumeMounts.forEach(({ name }, at) => {
      if (known.has(name)) return;
      problems.add(
        `${path}/volumeMounts(${at})/name`,
        `must be the name of a volume of this pod, '${piece(name)}' is none`,
      );
    });
    each.endpoints.forEach((endpoint, at) => {
      checkEndpoint(endpoint, `${path}/endpoints(${at})`, pod.networks, problems);
    });
  });
  checkUnique(containers, problems);
}

function checkContainer(
  { resources, resourceLimits, artifacts, linuxInfo }: PodContainerInput,
  path: string,
  problems: Problems,
): void {
  if (resources.gpus > 0) {
    problems.add(
      '/',
      "'gpus' above 0 is not supported yet by this version of Longrun. Remove 'gpus' or set it to 0.",
    );
  }
  for (const member of ['cpus', 'mem'] as const) {
    const limit = resourceLimits?.[member];
    if (limit === undefined || limit === 'unlimited' || limit >= resources[member]) continue;
    problems.add(`${path}/resourceLimits/${member}`, `must be "unlimited" or at least '${member}'`);
  }
  artifacts.forEach(({ uri }, index) => {
    if (!isUri(uri)) problems.add(`${path}/artifacts(${index})/uri`, 'must be a valid URI');
  });
  if (linuxInfo) checkLinuxInfo(linuxInfo, `${path}/linuxInfo`, problems);
}

/** Exactly one kind, of an endpoint of the same container, and done before the next one begins. */
function checkProbe(
  container: PodContainerInput,
  member: 'healthCheck' | 'check',
  containerPath: string,
  problems: Problems,
): void {
  const probe = container[member];
  if (!probe) return;
  const path = `${containerPath}/${member}`;
  const { http, tcp, exec, intervalSeconds, timeoutSeconds } = probe;
  if ([http, tcp, exec].filter((kind) => kind !== undefined).length !== 1) {
    problems.add(path, 'must have exactly one of http, tcp, exec');
  }
  for (const [kind, endpoint] of [
    ['http', http?.endpoint],
    ['tcp', tcp?.endpoint],
  ]) {
    if (endpoint === undefined || container.endpoints.some(({ name }) => name === endpoint)) continue;
    problems.add(
      `${path}/${kind}/endpoint`,
      `must be an endpoint of this container, '${piece(endpoint)}' is none`,
    );
  }
  if (timeoutSeconds >= intervalSeconds)
    problems.add(`${path}/timeoutSeconds`, 'must be less than intervalSeconds');
}

type Endpoint = PodContainerInput['endpoints'][number];

function checkEndpoint(
  { containerPort, hostPort, protocol, networkNames }: Endpoint,
  path: string,
  networks: PodInput['networks'],
  problems: Problems,
): void {
  const onHost = modeOf(networks) === 'host';
  if (onHost && containerPort !== undefined) {
    problems.add(`${path}/containerPort`, 'is not possible with host networking: give hostPort');
  }
  if (!onHost && containerPort === undefined) {
    problems.add(`${path}/containerPort`, 'is mandatory with container networks');
  }
  if (new Set(protocol).size < protocol.length) {
    problems.add(`${path}/protocol`, 'must not name a protocol twice');
  }
  networkNames.forEach((name, at) => {
    if (networks.some((each) => each.name === name)) return;
    problems.add(`${path}/networkNames(${at})`, 'must be the name of a network of this pod');
  });
  const several = networks.filter(({ mode }) => mode === 'container').length > 1;
  if (several && hostPort !== undefined && networkNames.length !== 1) {
    problems.add(path, 'with several container networks, a host port needs exactly one network name');
  }
}

/** Over all containers, for they share one network. */
function checkUnique(containers: readonly PodContainerInput[], problems: Problems): void {
  const endpoints = containers.flatMap((each) => each.endpoints);
  const unique = (values: readonly unknown[], what: string): void => {
    if (new Set(values).size < values.length)
      problems.add('/', `${what} must be different over the whole pod`);
  };
  unique(
    endpoints.map(({ name }) => name),
    'names of endpoints',
  );
  unique(
    endpoints.flatMap(({ hostPort }) => hostPort || []),
    'fixed host ports',
  );
  unique(
    endpoints.flatMap(({ containerPort }) => containerPort ?? []),
    'container ports',
  );
}
