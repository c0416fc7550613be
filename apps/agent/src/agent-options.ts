// The options of `longrun agent`.
import { describeOptions, SERVING_OPTIONS, type Option } from '#libs/configuration';

export const AGENT_OPTIONS: readonly Option[] = [
  {
    name: 'control-plane',
    kind: 'list',
    required: true,
    help: 'URL of the control plane; several with commas, the leader is found among them',
  },
  { name: 'token', kind: 'text', secret: true, help: 'token of the agents; better LONGRUN_TOKEN or a file' },
  { name: 'token-file', kind: 'path', help: 'file that holds the token, mode 0600' },
  { name: 'data-dir', kind: 'path', default: '.longrun/agent', help: 'journal and sandboxes of this agent' },
  { name: 'hostname', kind: 'text', help: 'name of this host in placements and in HOST; the host name' },
  { name: 'address', kind: 'text', help: 'where the proxy reaches the task ports' },
  { name: 'task-ports', kind: 'port-range', default: '31000-32000', help: 'host ports that tasks may get' },
  { name: 'attributes', kind: 'list', help: 'key:value,… for constraints' },
  { name: 'cpus', kind: 'number', help: 'CPUs to give to tasks; all of this host' },
  { name: 'mem', kind: 'number', help: 'memory to give to tasks, MiB; most of this host' },
  { name: 'disk', kind: 'number', help: 'disk to give to tasks, MiB; what is free at the data folder' },
  { name: 'region', kind: 'text', help: 'fault domain: region' },
  { name: 'zone', kind: 'text', help: 'fault domain: zone' },
  {
    name: 'docker-socket',
    kind: 'path',
    default: '/var/run/docker.sock',
    help: 'Docker Engine of this host',
  },
  {
    name: 'seccomp-profiles',
    kind: 'path',
    help: 'folder with the seccomp profiles (JSON files) that containers may name in linuxInfo.seccomp.profileName',
  },
  {
    name: 'fetch-cache',
    kind: 'number',
    default: '2048',
    help: 'how much of what apps fetch with "cache": true is kept in the data folder, MiB',
  },
  { name: 'log-level', kind: 'text', default: 'info', help: 'debug, info, warn or error' },
];

/** Options of the other commands, which may stand in the same longrun.yaml. */
export const FOREIGN_OPTIONS: readonly string[] = [
  ...['api-port', 'bind', 'auth', 'database-url', 'service-ports', 'agent-token-file', 'proxy-token-file'],
  ...['brake-instances', 'brake-share', 'brake-window-seconds', 'min-ready-seconds'],
  ...['proxy-port', 'proxy-bind', ...SERVING_OPTIONS.map(({ name }) => name), 'keep-tasks', 'no-wait', 'url'],
];

export function agentUsage(): string {
  return [
    'usage: longrun agent --control-plane URL [options]',
    '',
    ...describeOptions(AGENT_OPTIONS),
    '',
  ].join('\n');
}
