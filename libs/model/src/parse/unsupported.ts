// What Marathon knows and this version of Longrun does not do. Each is refused by name at its path, never accepted and ignored:
// a service that runs without its secret or volume is worse than one that was not accepted. Where Marathon refuses too, its path is used.
import type { Network } from '../app-spec.js';
import { piece } from '../piece.js';
import type { AppInput } from './app-schema.js';
import { checkLinuxOfProcess } from './linux-rules.js';
import type { AppPorts } from './port-rules.js';
import type { Problems } from './problems.js';

const notYet = (what: string, remedy = 'Remove it.'): string =>
  `${what} not supported yet by this version of Longrun. ${remedy}`;

export function refuseUnsupported(
  app: AppInput,
  networks: readonly Network[],
  ports: AppPorts,
  problems: Problems,
): void {
  if (app.gpus > 0) problems.add('/', notYet("'gpus' above 0 is", "Remove 'gpus' or set it to 0."));
  refuseSecrets(app, problems);
  refuseOfContainer(app, problems);
  if (app.container?.docker || app.container?.type === 'DOCKER') return;
  if (app.container) refuseOfProcess(app.container, problems);
  if (networks[0]?.mode === 'container/bridge') refusePortsOfProcess(ports, problems);
}

function refuseSecrets(app: AppInput, problems: Problems): void {
  if (Object.keys(app.secrets).length) problems.add('/secrets', notYet("'secrets' is"));
  const references = Object.entries(app.env).filter(([, value]) => typeof value !== 'string');
  if (references.length) {
    const names = piece(references.map(([name]) => `'${name}'`).join(', '));
    problems.add('/env', notYet(`A reference to a secret (${names}) is`, 'Give the value as text.'));
  }
  if (app.container?.volumes.some(({ form }) => form === 'secret')) {
    problems.add('/container', notYet('A volume made from a secret is'));
  }
}

type ContainerOfApp = NonNullable<AppInput['container']>;

function refuseOfContainer({ container }: AppInput, problems: Problems): void {
  if (!container) return;
  const { docker } = container;
  const logIn = 'Log the agents in to the registry.';
  if (docker?.credential) {
    problems.add('/container/docker/credential', `'credential' is not possible, as in Marathon. ${logIn}`);
  }
  if (docker?.pullConfig) problems.add('/container/docker/pullConfig', notYet("'pullConfig' is", logIn));
  container.volumes.forEach(({ form }, index) => {
    const path = `/container/volumes(${index})`;
    const remedy = "Use a host volume ('hostPath' and 'mode').";
    if (form === 'persistent') problems.add(`${path}/persistent`, notYet('A persistent volume is', remedy));
    if (form === 'external') problems.add(path, notYet('An external volume is', remedy));
  });
}

/** A process sees the files of its host where they are, and with the rights of its user. */
function refuseOfProcess({ volumes, linuxInfo }: ContainerOfApp, problems: Problems): void {
  volumes.forEach((volume, index) => {
    if (volume.form !== 'host') return;
    const { containerPath, hostPath, mode } = volume;
    if (containerPath === hostPath && hostPath.startsWith('/') && mode === 'RW') return;
    problems.add(
      `/container/volumes(${index})`,
      "without an image a volume must have the same absolute 'containerPath' and 'hostPath' and the mode RW: " +
        'a process sees the host as it is. Mend it or give an image (container.docker.image).',
    );
  });
  if (linuxInfo) checkLinuxOfProcess(linuxInfo, '/container/linuxInfo', problems);
}

/** Nothing translates between a port of its own and one of the host. */
function refusePortsOfProcess({ kind, ports }: AppPorts, problems: Problems): void {
  if (kind !== 'mappings') return;
  ports.forEach(({ containerPort, hostPort }, index) => {
    if (containerPort === 0 || containerPort === hostPort) return;
    problems.add(
      `/container/portMappings(${index})/containerPort`,
      'without an image a process listens on its host port: use containerPort 0 and the variable ' +
        `PORT${index}, or give an image (container.docker.image).`,
    );
  });
}
