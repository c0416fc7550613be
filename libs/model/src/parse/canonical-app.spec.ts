import { describe, expect, it } from '@jest/globals';
import { parseApp } from './parse-app.js';
import { showApp } from './show-app.js';

const specOf = (change: object) => {
  const parsed = parseApp({ id: '/t/app', cmd: 'sleep 100', ...change });
  if (parsed.kind === 'ok') return parsed.spec;
  throw new Error(JSON.stringify(parsed));
};
const image = { type: 'DOCKER', docker: { image: 'nginx' } };
const mapping = { containerPort: 0, servicePort: 0, protocol: 'tcp', labels: {} };

describe('downloads', () => {
  it('of the old style are unpacked by the ending of their path only', () => {
    const { fetch } = specOf({ uris: ['http://x/a.tar.xz?b=1', 'http://x/a.sh#.zip', 'x.TGZ', 'x.tgz'] });
    expect(fetch?.map(({ extract }) => extract)).toEqual([true, false, false, true]);
    expect(fetch?.[0]).toEqual({
      uri: 'http://x/a.tar.xz?b=1',
      extract: true,
      executable: false,
      cache: false,
    });
  });

  it('are shown in the present style only', () => {
    const shown = showApp(specOf({ uris: ['http://x/a.tgz'] }));
    expect(Object.keys(shown)).toContain('fetch');
    expect(Object.keys(shown)).not.toContain('uris');
  });
});

describe('the old style of networks (A5)', () => {
  const label = { labels: { a: 'b' } };
  const withNetwork = (network: string | undefined, ipAddress?: object): object => ({
    ...(network === undefined ? {} : { container: { ...image, docker: { image: 'nginx', network } } }),
    ...(ipAddress ? { ipAddress } : {}),
  });
  it.each([
    [withNetwork('HOST'), [{ mode: 'host' }]],
    [withNetwork('BRIDGE'), [{ mode: 'container/bridge' }]],
    [withNetwork(undefined, { networkName: 'n' }), [{ mode: 'container', name: 'n' }]],
    [withNetwork(undefined, { networkName: 'n', ...label }), [{ mode: 'container', name: 'n', ...label }]],
    [
      withNetwork(undefined, { networkName: 'mesos-bridge', ...label }),
      [{ mode: 'container/bridge', ...label }],
    ],
    [withNetwork('HOST', { networkName: 'n', ...label }), [{ mode: 'host' }]],
    [withNetwork('BRIDGE', { networkName: 'n', ...label }), [{ mode: 'container/bridge', ...label }]],
    [withNetwork('USER', { networkName: 'n', ...label }), [{ mode: 'container', name: 'n', ...label }]],
    [{ ...withNetwork('BRIDGE'), networks: [] }, [{ mode: 'container/bridge' }]],
  ])('%j', (change, networks) => expect(specOf(change).networks).toEqual(networks));

  it('makes mappings of discovered ports, without host ports but on a bridge', () => {
    const discovery = { ports: [{ number: 80, name: 'http', protocol: 'udp' }, { name: 'any' }] };
    const ports = (networkName: string) =>
      specOf({ container: { ...image, type: 'MESOS' }, ipAddress: { networkName, discovery } }).container
        ?.portMappings;
    const http = { ...mapping, containerPort: 80, name: 'http', protocol: 'udp' };
    expect(ports('n')).toEqual([http, { ...mapping, name: 'any' }]);
    expect(ports('mesos-bridge')?.map(({ hostPort }) => hostPort)).toEqual([0, 0]);
  });
});

describe('container networks (A6)', () => {
  const networks = [{ mode: 'container', name: 'overlay' }];
  it('leave host ports out where they are not given, and keep the names of networks', () => {
    const portMappings = [
      { containerPort: 80, hostPort: null },
      { hostPort: 0, networkNames: ['overlay'] },
    ];
    expect(specOf({ container: { ...image, portMappings }, networks }).container?.portMappings).toEqual([
      { ...mapping, containerPort: 80 },
      { ...mapping, hostPort: 0, networkNames: ['overlay'] },
    ]);
  });

  it('make an empty container of type MESOS with one default port where there is none', () => {
    const container = { type: 'MESOS', volumes: [], portMappings: [{ ...mapping, name: 'default' }] };
    expect(specOf({ networks })).toMatchObject({ container, networks, requirePorts: false });
    expect(specOf({ networks }).portDefinitions).toBeUndefined();
  });

  it('count definitions as further mappings', () => {
    const { container } = specOf({ networks, ports: [0, 0], requirePorts: true });
    expect(container?.portMappings).toEqual([{ ...mapping, name: 'default' }, mapping]);
  });
});

describe('members of checks, limits and settings', () => {
  it('have their defaults filled in', () => {
    const spec = specOf({
      portDefinitions: [{ name: 'http-api' }],
      check: { http: {} },
      readinessChecks: [{}],
      executorResources: {},
      resourceLimits: { cpus: 'unlimited' },
    });
    expect(spec).toMatchObject({
      check: { http: { scheme: 'HTTP' }, intervalSeconds: 60, timeoutSeconds: 20, delaySeconds: 15 },
      readinessChecks: [
        {
          name: 'readinessCheck',
          protocol: 'HTTP',
          path: '/',
          portName: 'http-api',
          intervalSeconds: 30,
          timeoutSeconds: 10,
          httpStatusCodesForReady: [200],
          preserveLastResponse: false,
        },
      ],
      executorResources: { cpus: 0.1, mem: 32, disk: 10 },
      resourceLimits: { cpus: 'unlimited' },
    });
  });

  it('are shown where they are given, and left out where they are not', () => {
    const given = {
      user: 'www',
      tty: false,
      executor: '//cmd',
      check: { tcp: {} },
      resourceLimits: { mem: 200 },
    };
    expect(showApp(specOf(given))).toMatchObject({ ...given, check: { tcp: {}, delaySeconds: 15 } });
    const shown = showApp(specOf({}));
    const optional = [
      'user',
      'tty',
      'check',
      'resourceLimits',
      'executorResources',
      'fetch',
      'readinessChecks',
    ];
    expect(Object.keys(shown).filter((name) => optional.includes(name))).toEqual([]);
    expect(shown.executor).toBe('');
  });

  it('drop linuxInfo with the type DOCKER, and residency always', () => {
    const linuxInfo = { ipcInfo: { mode: 'private' } };
    expect(specOf({ container: { ...image, linuxInfo } }).container).not.toHaveProperty('linuxInfo');
    expect(specOf({ container: { ...image, type: 'MESOS', linuxInfo } }).container?.linuxInfo).toEqual({
      ipcInfo: { mode: 'PRIVATE' },
    });
    expect(showApp(specOf({ residency: {} }))).not.toHaveProperty('residency');
  });
});

describe('the role', () => {
  const roleOf = (role: string | undefined) => {
    const parsed = parseApp({ id: '/prod/app', cmd: 'sleep 1', role }, { defaultRole: 'prod' });
    return parsed.kind === 'ok' ? parsed.spec.role : null;
  };
  it('of an enforcing group stands in for an absent one only', () => {
    expect([roleOf(undefined), roleOf(''), roleOf('other')]).toEqual(['prod', 'prod', 'other']);
  });
});
