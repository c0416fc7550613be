// `container.docker.parameters`: options of `docker run` by their long names, as Mesos passed them on.
// Each entry of the table puts one option into the definition; a key that is not in it is refused by name, because an option that
// is silently dropped (a capability, a read-only root) would be worse. Networking is the app's `networks`, never a parameter.
import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import { invalid } from './engine-errors.js';

export interface ContainerDraft extends ContainerCreateOptions {
  Env: string[];
  Labels: Record<string, string>;
  HostConfig: HostConfig & { Binds: string[] };
}

type Apply = (draft: ContainerDraft, value: string) => void;
type ListOption =
  'CapAdd' | 'CapDrop' | 'Dns' | 'DnsOptions' | 'DnsSearch' | 'ExtraHosts' | 'GroupAdd' | 'SecurityOpt';

const append =
  (option: ListOption): Apply =>
  (draft, value) => {
    draft.HostConfig[option] = [...((draft.HostConfig[option] as string[] | undefined) ?? []), value];
  };

/** Key -> what it does. Repeated keys add up where `docker run` lets them. */
const TABLE: Readonly<Record<string, Apply>> = {
  'add-host': append('ExtraHosts'),
  'cap-add': append('CapAdd'),
  'cap-drop': append('CapDrop'),
  'cgroup-parent': (draft, value) => void (draft.HostConfig.CgroupParent = value),
  'cpu-period': (draft, value) => void (draft.HostConfig.CpuPeriod = whole('cpu-period', value)),
  'cpu-quota': (draft, value) => void (draft.HostConfig.CpuQuota = whole('cpu-quota', value)),
  'cpuset-cpus': (draft, value) => void (draft.HostConfig.CpusetCpus = value),
  device: (draft, value) => {
    const [host = '', inside = host, permissions = 'rwm'] = value.split(':');
    const device = { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
    draft.HostConfig.Devices = [
      ...((draft.HostConfig.Devices as unknown[] | undefined) ?? []),
      device,
    ] as never;
  },
  dns: append('Dns'),
  'dns-option': append('DnsOptions'),
  'dns-search': append('DnsSearch'),
  domainname: (draft, value) => void (draft.Domainname = value),
  entrypoint: (draft, value) => void (draft.Entrypoint = [value]),
  env: (draft, value) => void draft.Env.push(value),
  'group-add': append('GroupAdd'),
  hostname: (draft, value) => void (draft.Hostname = value),
  init: (draft, value) => void (draft.HostConfig.Init = flag('init', value)),
  ipc: (draft, value) => void (draft.HostConfig.IpcMode = value),
  label: (draft, value) => {
    const [key, text] = pair(value);
    draft.Labels[key] = text;
  },
  'log-driver': (draft, value) => {
    // the options of the old driver mean nothing to another one
    draft.HostConfig.LogConfig = { Type: value, Config: {} };
  },
  'log-opt': (draft, value) => {
    const [key, text] = pair(value);
    const log = draft.HostConfig.LogConfig ?? { Type: 'json-file', Config: {} };
    draft.HostConfig.LogConfig = { Type: log.Type, Config: { ...(log.Config as object), [key]: text } };
  },
  'memory-reservation': (draft, value) => {
    draft.HostConfig.MemoryReservation = bytes('memory-reservation', value);
  },
  'memory-swap': (draft, value) => {
    draft.HostConfig.MemorySwap = value === '-1' ? -1 : bytes('memory-swap', value);
  },
  'network-alias': (draft, value) => {
    const network = draft.HostConfig.NetworkMode ?? 'bridge';
    const endpoints = draft.NetworkingConfig?.EndpointsConfig ?? {};
    const aliases = [...(endpoints[network]?.Aliases ?? []), value];
    draft.NetworkingConfig = { EndpointsConfig: { ...endpoints, [network]: { Aliases: aliases } } };
  },
  'oom-score-adj': (draft, value) => void (draft.HostConfig.OomScoreAdj = whole('oom-score-adj', value)),
  pid: (draft, value) => void (draft.HostConfig.PidMode = value),
  'pids-limit': (draft, value) => void (draft.HostConfig.PidsLimit = whole('pids-limit', value)),
  'read-only': (draft, value) => void (draft.HostConfig.ReadonlyRootfs = flag('read-only', value)),
  runtime: (draft, value) => void (draft.HostConfig.Runtime = value),
  'security-opt': append('SecurityOpt'),
  'shm-size': (draft, value) => void (draft.HostConfig.ShmSize = bytes('shm-size', value)),
  'stop-signal': (draft, value) => void (draft.StopSignal = value),
  sysctl: (draft, value) => {
    const [key, text] = pair(value);
    draft.HostConfig.Sysctls = { ...draft.HostConfig.Sysctls, [key]: text };
  },
  tmpfs: (draft, value) => {
    const [path = '', ...options] = value.split(':');
    const mounts = draft.HostConfig.Tmpfs as Record<string, string> | undefined;
    draft.HostConfig.Tmpfs = { ...mounts, [path]: options.join(':') };
  },
  ulimit: (draft, value) => {
    const [name, limits] = pair(value);
    const [soft = '', hard = soft] = limits.split(':');
    const limit = { Name: name, Soft: whole('ulimit', soft), Hard: whole('ulimit', hard) };
    draft.HostConfig.Ulimits = [...(draft.HostConfig.Ulimits ?? []), limit];
  },
  user: (draft, value) => void (draft.User = value),
  volume: (draft, value) => void draft.HostConfig.Binds.push(value),
  workdir: (draft, value) => void (draft.WorkingDir = value),
};

/** The keys that are known, for documentation and messages. */
export const supportedParameters: readonly string[] = Object.keys(TABLE).sort();

/** Changes the draft in place; throws `rejected: invalid` for an unknown key or a value that cannot be read. Drivers before their options. */
export function applyParameters(
  draft: ContainerDraft,
  parameters: readonly { readonly key: string; readonly value: string }[],
): void {
  const driversFirst = [...parameters].sort(
    (a, b) => Number(b.key === 'log-driver') - Number(a.key === 'log-driver'),
  );
  for (const { key, value } of driversFirst) {
    const apply = Object.hasOwn(TABLE, key) ? TABLE[key] : undefined;
    if (!apply) {
      throw invalid(
        `docker parameter '${key}' is not supported; remove it or use one of: ${supportedParameters.join(', ')}`,
      );
    }
    apply(draft, value);
  }
}

function pair(value: string): [string, string] {
  const at = value.indexOf('=');
  return at < 0 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)];
}

function flag(key: string, value: string): boolean {
  if (value === 'true' || value === '') return true;
  if (value === 'false') return false;
  throw invalid(`docker parameter '${key}' must be true or false, not '${value}'`);
}

function whole(key: string, value: string): number {
  if (!/^-?\d{1,15}$/.test(value))
    throw invalid(`docker parameter '${key}' needs a whole number, not '${value}'`);
  return Number(value);
}

const UNIT = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;

/** `64m`, `64MB`, `1g`, `1048576`: units of 1024 as in `docker run`. */
function bytes(key: string, value: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(value);
  if (!match) throw invalid(`docker parameter '${key}' needs a size such as 64m, not '${value}'`);
  const unit = (match[2]?.toLowerCase() || 'b') as keyof typeof UNIT;
  return Math.round(Number(match[1]) * UNIT[unit]);
}
