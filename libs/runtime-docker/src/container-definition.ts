// From a launch to what the Engine is asked to create. Pure: nothing of the host is looked at.
// Rules from decisions.md 22 (no restart by the Engine, kept after the end, an init as process 1) and app.md A3 (what runs).
import { isAbsolute } from 'node:path/posix';
import type { LaunchPort, LaunchSpec } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';
import { taskLabels, type Ownership } from './container-labels.js';
import { applyParameters, type ContainerDraft } from './docker-parameters.js';
import { invalid } from './engine-errors.js';

const MIB = 1024 * 1024;
/** The Engine refuses less. */
const LEAST_MEMORY = 6 * MIB;
/** The kernel's smallest weight. */
const LEAST_SHARES = 2;

/** Throws `rejected: invalid`, naming the member and the remedy. */
export function containerDefinition(launch: TaskLaunch, owner: Ownership): ContainerDraft {
  const { spec } = launch;
  if (!spec.image) throw invalid(`app ${launch.appId} has no image; set container.docker.image`);
  const memory = spec.mem > 0 ? Math.max(LEAST_MEMORY, Math.round(spec.mem * MIB)) : 0;
  const draft: ContainerDraft = {
    Image: spec.image,
    ...command(spec),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels },
    AttachStdin: false,
    OpenStdin: false,
    Tty: false,
    ExposedPorts: Object.fromEntries(published(spec).map(([inside]) => [inside, {}])),
    HostConfig: {
      Init: true,
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      // without swap the limit is the limit; the Engine would allow the same again as swap
      ...(memory > 0 ? { Memory: memory, MemorySwap: memory } : {}),
      CpuShares: Math.max(LEAST_SHARES, Math.round(spec.cpus * 1024)),
      NetworkMode: networkMode(spec),
      PortBindings: Object.fromEntries(published(spec)),
      Binds: binds(spec),
      Privileged: spec.privileged,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } },
    },
  };
  applyParameters(draft, spec.parameters);
  Object.assign(draft.Labels, taskLabels(launch, owner));
  return draft;
}

/** A shell replaces the image's entry point, as with Mesos; args are appended to it. */
function command({ cmd, args }: LaunchSpec): { Entrypoint?: string[]; Cmd?: string[] } {
  if (cmd !== undefined) return { Entrypoint: ['/bin/sh'], Cmd: ['-c', cmd] };
  return args?.length ? { Cmd: [...args] } : {};
}

/** The Engine's own networks that have no addresses: a container network of such a name would silently be something else. */
const NO_NETWORKS: ReadonlySet<string> = new Set(['host', 'none', 'default']);

/** The network it is created in; those after the first are joined before the start. */
function networkMode({ network, networkNames = [] }: LaunchSpec): string {
  if (network !== 'container') return network;
  const unusable = networkNames.find((name) => NO_NETWORKS.has(name));
  const [main] = networkNames;
  if (main === undefined) throw invalid('a container network has no name; set networks[0].name');
  if (unusable === undefined) return main;
  throw invalid(
    `a container network cannot be '${unusable}'; name one that 'docker network create' has made`,
  );
}

/** With a network of its own: `80/tcp` and where it is published. A port without host port is reached at the container's address. */
function published(spec: LaunchSpec): [string, { HostPort: string }[]][] {
  if (spec.network === 'host') return [];
  const bindings = new Map<string, { HostPort: string }[]>();
  for (const port of spec.ports.filter(({ hostPort }) => hostPort !== 0)) {
    for (const protocol of protocolsOf(port)) {
      const inside = `${port.containerPort ?? port.hostPort}/${protocol}`;
      bindings.set(inside, [...(bindings.get(inside) ?? []), { HostPort: String(port.hostPort) }]);
    }
  }
  return [...bindings];
}

export const protocolsOf = (port: LaunchPort): ('tcp' | 'udp')[] =>
  port.protocol === 'udp,tcp' ? ['udp', 'tcp'] : [port.protocol];

function binds(spec: LaunchSpec): string[] {
  return spec.volumes.map(({ hostPath, containerPath, mode }) => {
    if (!isAbsolute(hostPath)) {
      throw invalid(
        `volume hostPath '${hostPath}' is relative; a container needs an absolute path of the host`,
      );
    }
    if (!isAbsolute(containerPath)) {
      throw invalid(`volume containerPath '${containerPath}' is relative; it must start with /`);
    }
    if (hostPath.includes(':') || containerPath.includes(':')) {
      throw invalid(`volume ${hostPath} at ${containerPath}: the Engine does not allow ':' in these paths`);
    }
    return `${hostPath}:${containerPath}:${mode.toLowerCase()}`;
  });
}
