// From a launch to what the Engine is asked to create. Pure: nothing of the host is looked at.
// Rules from decisions.md 22 (no restart by the Engine, kept after the end, an init as process 1) and app.md A3 (what runs).
import { isAbsolute, join } from 'node:path/posix';
import type { HostConfig } from 'dockerode';
import type { LaunchPort, LaunchSpec, LinuxInfo } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';
import { taskLabels, type Ownership } from './container-labels.js';
import { applyParameters, type ContainerDraft } from './docker-parameters.js';
import { invalid } from './engine-errors.js';

const MIB = 1024 * 1024;
/** The Engine refuses less. */
const LEAST_MEMORY = 6 * MIB;
/** The kernel's smallest weight. */
const LEAST_SHARES = 2;
const CPU_PERIOD_US = 100_000;
/** The kernel takes no shorter one. */
const LEAST_QUOTA_US = 1_000;

/** Where containers find their sandbox (behaviour.md 18). */
export const SANDBOX = '/mnt/mesos/sandbox';

/** What of the host goes into it. */
export interface Surroundings {
  /** Folder of this task on the host. */
  readonly sandbox: string;
  /** Text of the profile that `linuxInfo` names. */
  readonly seccompProfile?: string | undefined;
}

/** Throws `rejected: invalid`, naming the member and the remedy. */
export function containerDefinition(
  launch: TaskLaunch,
  owner: Ownership,
  { sandbox, seccompProfile }: Surroundings,
): ContainerDraft {
  const { spec } = launch;
  if (!spec.image) throw invalid(`app ${launch.appId} has no image; set container.docker.image`);
  const draft: ContainerDraft = {
    Image: spec.image,
    ...command(spec),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    Env: Object.entries({ ...spec.env, MESOS_SANDBOX: SANDBOX }).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels },
    AttachStdin: false,
    OpenStdin: false,
    Tty: spec.tty ?? false,
    ExposedPorts: Object.fromEntries(published(spec).map(([inside]) => [inside, {}])),
    HostConfig: {
      Init: true,
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      ...resources(spec),
      ...linuxOptions(spec.linuxInfo, seccompProfile),
      NetworkMode: networkMode(spec),
      PortBindings: Object.fromEntries(published(spec)),
      ...sandboxMount(spec, sandbox),
      Binds: [...(spec.fetch?.length ? [] : [`${sandbox}:${SANDBOX}:rw`]), ...binds(spec, sandbox)],
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

/** `resourceLimits` (app.md A1): the request is then what it is sure of, the limit what it may have. */
function resources({ cpus, mem, limits }: LaunchSpec): Partial<HostConfig> {
  const atLeast = mem > 0 ? Math.max(LEAST_MEMORY, Math.round(mem * MIB)) : 0;
  const most =
    limits?.mem === undefined ? atLeast : limits.mem === 'unlimited' ? 0 : Math.round(limits.mem * MIB);
  const memory = most > 0 ? Math.max(LEAST_MEMORY, most) : 0;
  return {
    // without swap the limit is the limit; the Engine would allow the same again as swap
    ...(memory > 0 ? { Memory: memory, MemorySwap: memory } : {}),
    ...(limits?.mem !== undefined && atLeast > 0 ? { MemoryReservation: atLeast } : {}),
    CpuShares: Math.max(LEAST_SHARES, Math.round(cpus * 1024)),
    // not NanoCpus, which the Engine refuses when the host has fewer
    ...(typeof limits?.cpus === 'number'
      ? {
          CpuPeriod: CPU_PERIOD_US,
          CpuQuota: Math.max(LEAST_QUOTA_US, Math.round(limits.cpus * CPU_PERIOD_US)),
        }
      : {}),
  };
}

/** app.md A4; containers of type MESOS only. */
function linuxOptions(linuxInfo: LinuxInfo | undefined, profile: string | undefined): Partial<HostConfig> {
  const { seccomp, ipcInfo } = linuxInfo ?? {};
  const filter = seccomp?.unconfined ? 'unconfined' : profile;
  const shmBytes = Math.round((ipcInfo?.shmSize ?? 0) * MIB);
  return {
    ...(filter === undefined ? {} : { SecurityOpt: [`seccomp=${filter}`] }),
    ...(ipcInfo ? { IpcMode: ipcInfo.mode === 'PRIVATE' ? 'private' : 'host' } : {}),
    ...(shmBytes > 0 ? { ShmSize: shmBytes } : {}),
  };
}

/**
 * With something fetched as a mount, which fails when the Engine does not see the agent's folders (an agent in a container): better
 * than a task without its files. Otherwise as a bind, for which the Engine makes the folder.
 */
function sandboxMount(spec: LaunchSpec, sandbox: string): Partial<HostConfig> {
  return spec.fetch?.length ? { Mounts: [{ Type: 'bind', Source: sandbox, Target: SANDBOX }] } : {};
}

/** Folders of the sandbox that are volumes, as paths of the host (app.md A4: a relative hostPath is relative to the sandbox). */
export function sandboxVolumes({ volumes }: LaunchSpec, sandbox: string): readonly string[] {
  return volumes.flatMap(({ hostPath }) => (isAbsolute(hostPath) ? [] : [insideSandbox(hostPath, sandbox)]));
}

function insideSandbox(hostPath: string, sandbox: string): string {
  const path = join(sandbox, hostPath);
  if (path.startsWith(`${sandbox}/`)) return path;
  throw invalid(`volume hostPath '${hostPath}' is outside of the sandbox; a relative one is a folder in it`);
}

/** A relative containerPath is in the sandbox too, as with Mesos. */
function binds(spec: LaunchSpec, sandbox: string): string[] {
  return spec.volumes.map(({ hostPath, containerPath, mode }) => {
    if (hostPath.includes(':') || containerPath.includes(':')) {
      throw invalid(`volume ${hostPath} at ${containerPath}: the Engine does not allow ':' in these paths`);
    }
    const source = isAbsolute(hostPath) ? hostPath : insideSandbox(hostPath, sandbox);
    const target = isAbsolute(containerPath) ? containerPath : insideSandbox(containerPath, SANDBOX);
    return `${source}:${target}:${mode.toLowerCase()}`;
  });
}
