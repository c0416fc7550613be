// What Marathon knows and this version of Longrun does not do yet. Each is refused by name at its path, never accepted and ignored:
// a service that runs without its secret or volume is worse than one that was not accepted. Where Marathon refuses too, its path is used.
import type { AppInput } from './app-schema.js';
import type { Problems } from './problems.js';

const notYet = (what: string, remedy = 'Remove it.'): string =>
  `${what} not supported yet by this version of Longrun. ${remedy}`;

export function refuseUnsupported(app: AppInput, problems: Problems): void {
  refuseMembers(app, problems);
  refuseSecrets(app, problems);
  refuseOfContainer(app, problems);
  refuseOfNetworks(app, problems);
}

function refuseMembers(app: AppInput, problems: Problems): void {
  const refuse = (isUsed: unknown, path: string, text: string): void => {
    if (isUsed) problems.add(path, text);
  };
  refuse(app.user, '/user', notYet("'user' is", 'Remove it; a task runs as the user of its agent or image.'));
  refuse(app.tty, '/tty', notYet("'tty' is"));
  refuse(app.executor, '/executor', notYet("'executor' is"));
  refuse(app.executorResources, '/executorResources', notYet("'executorResources' is"));
  refuse(app.gpus > 0, '/', notYet("'gpus' above 0 is", "Remove 'gpus' or set it to 0."));
  const download = 'Remove it and download in the command, or put the files into the image.';
  refuse(app.fetch.length, '/fetch', notYet("'fetch' is", download));
  refuse(app.uris?.length, '/uris', notYet("'uris' is", download));
  refuse(app.check, '/check', notYet("'check' is", "Remove it; 'healthChecks' are supported."));
  const readiness = "Remove it; 'healthChecks' hold back traffic until an instance is ready.";
  refuse(app.readinessChecks.length, '/readinessChecks', notYet("'readinessChecks' is", readiness));
  refuse(app.residency, '/residency', notYet("'residency' is"));
  refuse(app.resourceLimits, '/resourceLimits', notYet("'resourceLimits' is"));
}

function refuseSecrets(app: AppInput, problems: Problems): void {
  if (Object.keys(app.secrets).length) problems.add('/secrets', notYet("'secrets' is"));
  const references = Object.entries(app.env).filter(([, value]) => typeof value !== 'string');
  if (references.length) {
    const names = references.map(([name]) => `'${name}'`).join(', ');
    problems.add('/env', notYet(`A reference to a secret (${names}) is`, 'Give the value as text.'));
  }
  if (app.container?.volumes.some(({ form }) => form === 'secret')) {
    problems.add('/container', notYet('A volume made from a secret is'));
  }
}

function refuseOfContainer({ container }: AppInput, problems: Problems): void {
  if (!container) return;
  const { docker } = container;
  if (docker?.credential) {
    problems.add(
      '/container/docker/credential',
      notYet("'credential' is", 'Log the agent in to the registry.'),
    );
  }
  if (docker?.pullConfig) {
    problems.add(
      '/container/docker/pullConfig',
      notYet("'pullConfig' is", 'Log the agent in to the registry.'),
    );
  }
  if (container.linuxInfo) problems.add('/container/linuxInfo', notYet("'linuxInfo' is"));
  container.volumes.forEach(({ form }, index) => {
    const path = `/container/volumes(${index})`;
    const remedy = "Use a host volume ('hostPath' and 'mode').";
    if (form === 'persistent') problems.add(`${path}/persistent`, notYet('A persistent volume is', remedy));
    if (form === 'external') problems.add(path, notYet('An external volume is', remedy));
    if (form === 'host' && !docker) {
      problems.add(
        path,
        notYet('A volume without an image is', 'Remove it; a process sees the host as it is.'),
      );
    }
  });
}

function refuseOfNetworks(app: AppInput, problems: Problems): void {
  const remedy = "Use the mode 'host' or 'container/bridge'.";
  if (app.ipAddress) problems.add('/ipAddress', notYet("'ipAddress' (a container network) is", remedy));
  if (app.container?.docker?.network === 'USER') {
    problems.add('/container/docker/network', notYet('The network USER is', 'Use HOST or BRIDGE.'));
  }
  app.networks.forEach(({ mode, labels }, index) => {
    const path = `/networks(${index})`;
    if (mode === 'container') problems.add(`${path}/mode`, notYet("The network mode 'container' is", remedy));
    if (mode === 'container/bridge' && Object.keys(labels).length) {
      problems.add(`${path}/labels`, notYet("'labels' of a bridge network is"));
    }
  });
}
