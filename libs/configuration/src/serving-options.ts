// How a proxy serves: the options that `longrun proxy` and `longrun up` share. One list, so that whatever a proxy can do, the first
// command people try can do, too.
import type { Option } from './option.js';
import type { Settings } from './read-configuration.js';

export const SERVING_OPTIONS: readonly Option[] = [
  {
    name: 'proxy-certs',
    kind: 'list',
    help: 'PEM files with chain and key, or folders of *.pem; opens the HTTPS port, read again when they change',
  },
  { name: 'proxy-https-port', kind: 'port', help: 'HTTPS and HTTP/2; needs --proxy-certs (default: 8443)' },
  {
    name: 'engine',
    kind: 'text',
    default: 'builtin',
    help: 'builtin, or haproxy: HAProxy 2.4 or newer, run and steered by the proxy',
  },
  {
    name: 'haproxy-program',
    kind: 'path',
    default: 'haproxy',
    help: 'the HAProxy to run, by PATH or as a path',
  },
  { name: 'app-paths', kind: 'flag', help: 'answer /_app/ID/ also for clients on other hosts' },
  {
    name: 'groups',
    kind: 'list',
    help: 'serve only ports of these groups (labels HAPROXY_GROUP, longrun.io/groups); absent or *: all',
  },
  {
    name: 'workers',
    kind: 'number',
    range: { from: 1, to: 256, whole: true },
    default: '1',
    help: 'proxy processes that share the listeners; threads of HAProxy',
  },
  {
    name: 'max-connections',
    kind: 'number',
    range: { from: 1, to: 1_000_000, whole: true },
    help: 'connections of clients at once, for each worker (with HAProxy for all threads); needs twice as many open files (default: what their limit leaves room for)',
  },
  {
    name: 'connections-per-client',
    kind: 'number',
    range: { from: 0, to: 1_000_000, whole: true },
    default: '0',
    help: 'connections at once of one client address (IPv6: its /64), for each worker (with HAProxy for all threads); 0 = any number',
  },
  {
    name: 'proxy-admin-port',
    kind: 'number',
    range: { from: 0, to: 65_535, whole: true },
    default: '8001',
    help: 'metrics, table and traffic of the proxy itself; 0 = none',
  },
  {
    name: 'proxy-admin-bind',
    kind: 'text',
    default: '127.0.0.1',
    help: 'address of that port; it is open to all who reach it',
  },
  {
    name: 'access-log',
    kind: 'text',
    help: 'file for a JSON line per request, or - for standard output; SIGHUP or SIGUSR1 opens it anew (`up` at a terminal: SIGUSR1)',
  },
  {
    name: 'access-log-sample',
    kind: 'number',
    range: { from: 0, to: 1 },
    default: '1',
    help: 'share of the requests that is logged; failures always are',
  },
  {
    name: 'proxy-zone',
    kind: 'text',
    help: 'fault domain of this proxy, for apps that prefer targets of their own zone',
  },
  { name: 'dns-port', kind: 'port', help: 'answer DNS for apps on this port (UDP and TCP); absent: no DNS' },
  { name: 'dns-zone', kind: 'text', default: 'longrun', help: '/shop/web is web.shop.ZONE' },
  {
    name: 'dns-marathon-zone',
    kind: 'text',
    default: 'marathon.mesos',
    help: '/shop/web is also web-shop.ZONE, as Mesos-DNS named it',
  },
  {
    name: 'dns-ttl',
    kind: 'number',
    range: { from: 0, to: 3600, whole: true },
    default: '5',
    help: 'seconds that resolvers may keep an answer',
  },
];

/** As they go on to a proxy: only what is not the default, so that its command line stays short. */
export const servingArguments = (settings: Settings): readonly string[] =>
  SERVING_OPTIONS.flatMap(({ name, kind, default: usual }) => {
    if (!settings.has(name)) return [];
    if (kind === 'flag') return settings.flag(name) ? [`--${name}`] : [];
    return settings.text(name) === usual ? [] : [`--${name}`, settings.text(name)];
  });
