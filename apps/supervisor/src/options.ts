// The options of `longrun up`.
import {
  BRAKE_OPTIONS,
  describeOptions,
  ROLLOUT_OPTIONS,
  SERVING_OPTIONS,
  type Option,
} from '#libs/configuration';

export const UP_OPTIONS: readonly Option[] = [
  { name: 'data-dir', kind: 'path', default: '.longrun', help: 'where everything is kept' },
  {
    name: 'api-port',
    kind: 'port',
    default: '8080',
    help: 'API and its documentation (/docs), on 127.0.0.1',
  },
  { name: 'proxy-port', kind: 'port', default: '8000', help: 'proxy, HTTP' },
  {
    name: 'proxy-bind',
    kind: 'text',
    default: '127.0.0.1',
    help: 'address of the proxy and of the service ports',
  },
  {
    name: 'service-ports',
    kind: 'port-range',
    default: '10000-20000',
    help: 'service ports that the proxy may open',
  },
  ...SERVING_OPTIONS,
  { name: 'task-ports', kind: 'port-range', default: '31000-32000', help: 'host ports that tasks may get' },
  ...BRAKE_OPTIONS,
  ...ROLLOUT_OPTIONS,
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
  {
    name: 'database-url',
    kind: 'text',
    env: 'DATABASE_URL',
    secret: true,
    help: 'a Postgres of your own instead of the embedded one',
  },
  {
    name: 'keep-tasks',
    kind: 'flag',
    help: 'leave tasks running when Longrun stops; the next start adopts them',
  },
  { name: 'no-wait', kind: 'flag', help: 'do not wait for the deployment of FILE' },
];

export function upUsage(): string {
  return [
    'usage: longrun up [FILE…] [options]',
    '',
    'Starts PostgreSQL, control plane, agent and proxy on this host, deploys the files, and keeps all of it running.',
    'Ctrl-C stops everything in order.',
    '',
    ...describeOptions(UP_OPTIONS),
    '',
  ].join('\n');
}
