// Definitions by what they ask for: accepted, or refused with an entry at each of these paths (app.md A4-A13).
import { describe, expect, it } from '@jest/globals';
import { parseApp } from './parse-app.js';

type Case = readonly [why: string, change: object, refusedAt?: readonly string[]];

const withImage = (more: object = {}, docker: object = {}): object => ({
  cmd: undefined,
  container: { type: 'DOCKER', docker: { image: 'nginx', ...docker }, ...more },
});
const mesos = (more: object = {}): object => ({ container: { type: 'MESOS', ...more } });
const mesosImage = (more: object = {}): object => mesos({ docker: { image: 'nginx' }, ...more });
const overlay = [{ mode: 'container', name: 'overlay' }];
const bridge = [{ mode: 'container/bridge' }];
const two = [
  { mode: 'container', name: 'a' },
  { mode: 'container', name: 'b' },
];
const named = (name: string): object => ({ portDefinitions: [{ name }] });
const readiness = (member: object): object => ({ ...named('http-api'), readinessChecks: [member] });

const groups: Record<string, readonly Case[]> = {
  'account, terminal and executor': [
    ['an account', { user: 'www-data' }],
    ['a terminal', { tty: true }],
    ['a terminal by a text', { tty: 'true' }, ['/tty']],
    ['the command executor', { executor: '//cmd' }],
    ['an executor with an empty segment', { executor: 'opt//run' }, ['/executor']],
    ['its resources', { executorResources: { mem: 64 } }],
    ['too little memory of the executor', { executorResources: { mem: 31 } }, ['/executorResources/mem']],
    ['a resident setting', { residency: { taskLostBehavior: 'relaunch_after_timeout' } }],
    ['another one', { residency: { taskLostBehavior: 'NEVER' } }, ['/residency/taskLostBehavior']],
    ['an account with a name too long', { user: 'u'.repeat(257) }, ['/user']],
  ],
  'hard limits': [
    ['equal to the request', { cpus: 2, resourceLimits: { cpus: 2 } }],
    ['none at all', { resourceLimits: { cpus: 'UNLIMITED', mem: 'unlimited' } }],
    ['below the request', { cpus: 2, resourceLimits: { cpus: 1.9 } }, ['/resourceLimits/cpus']],
    ['below the default request', { resourceLimits: { mem: 127 } }, ['/resourceLimits/mem']],
    ['another word', { resourceLimits: { mem: 'lots' } }, ['/resourceLimits/mem']],
    ['a flag', { resourceLimits: { mem: true } }, ['/resourceLimits/mem']],
  ],
  downloads: [
    ['old style', { uris: ['ftp://x/a.tar.gz'] }],
    ['a relative one', { fetch: [{ uri: 'files/a' }] }],
    ['with a blank', { fetch: [{ uri: 'http://x/a' }, { uri: 'http://x/a b' }] }, ['/fetch(1)/uri']],
    ['old style with a blank', { uris: ['http://x/a b'] }, ['/uris(0)']],
    ['both styles', { uris: ['http://x/a'], fetch: [{ uri: 'http://x/b' }] }, ['/uris']],
    ['an empty name', { fetch: [{ uri: 'x', destPath: '' }] }, ['/fetch(0)/destPath']],
    ['a name below', { fetch: [{ uri: 'x', destPath: './lib/../x..y/z' }] }],
    ['an absolute name', { fetch: [{ uri: 'x', destPath: '/etc/x' }] }, ['/fetch(0)/destPath']],
    ['a name outside', { fetch: [{ uri: 'x', destPath: 'a/../../x' }] }, ['/fetch(0)/destPath']],
    ['too many', { uris: Array.from({ length: 101 }, () => 'http://x/a') }, ['/uris']],
  ],
  networks: [
    ['a network by its name alone', { ...withImage(), networks: [{ name: 'overlay' }] }],
    ['without an image', { networks: overlay }],
    ['two of them', { ...mesosImage(), networks: two }],
    ['two of them for the type DOCKER', { ...withImage(), networks: two }, ['/']],
    ['no name', { ...withImage(), networks: [{}] }, ['/networks']],
    ['no name, old style', withImage({}, { network: 'USER' }), ['/networks']],
    ['an address without a name', { ipAddress: {} }, ['/networks']],
    ['labels of a bridge', { ...withImage(), networks: [{ ...bridge[0], labels: { a: 'b' } }] }],
    ['labels of the host', { networks: [{ mode: 'host', labels: { a: 'b' } }] }, ['/networks']],
    ['a name of a bridge', { ...withImage(), networks: [{ ...bridge[0], name: 'x' }] }, ['/networks']],
    ['the same name twice', { ...mesosImage(), networks: [...overlay, ...overlay] }, ['/networks']],
    ['a bridge beside a network', { ...mesosImage(), networks: [...overlay, ...bridge] }, ['/networks']],
    ['two bridges', { ...mesosImage(), networks: [...bridge, ...bridge] }, ['/networks']],
    ['old and new', { ...withImage({}, { network: 'BRIDGE' }), networks: bridge }, ['/']],
    ['address and new', { ipAddress: { networkName: 'a' }, networks: overlay }, ['/']],
    ['none at all', withImage({}, { network: 'NONE' }), ['/container/docker/network']],
    [
      'more than 20',
      { networks: Array.from({ length: 21 }, (_, at) => ({ name: `n${at}` })) },
      ['/networks'],
    ],
  ],
  'ports of networks': [
    ['no host port', { ...withImage({ portMappings: [{ containerPort: 80 }] }), networks: overlay }],
    ['of one network', { ...mesosImage({ portMappings: [{ networkNames: ['a'] }] }), networks: two }],
    [
      'of an unknown network',
      { ...mesosImage({ portMappings: [{}, { networkNames: ['a', 'z'] }] }), networks: two },
      ['/container/portMappings(1)/networkNames(1)'],
    ],
    [
      'of the bridge by a name',
      { ...withImage({ portMappings: [{ networkNames: ['a'] }] }), networks: bridge },
      ['/container/portMappings(0)/networkNames(0)'],
    ],
    [
      'a host port for two networks',
      { ...mesosImage({ portMappings: [{ hostPort: 0 }] }), networks: two },
      ['/container/portMappings(0)'],
    ],
    [
      'a host port with both names',
      { ...mesosImage({ portMappings: [{ hostPort: 0, networkNames: ['a', 'b'] }] }), networks: two },
      ['/container/portMappings(0)'],
    ],
    ['a host port for one network', { ...withImage({ portMappings: [{ hostPort: 0 }] }), networks: overlay }],
    [
      'an old mapping of an unknown network',
      withImage({}, { network: 'BRIDGE', portMappings: [{ networkNames: ['z'] }] }),
      ['/container/portMappings(0)/networkNames(0)'],
    ],
    ['names that nobody uses on the host', mesosImage({ portMappings: [{ networkNames: ['z'] }] })],
    ['discovered ones', { ipAddress: { networkName: 'a', discovery: { ports: [{ name: 'http' }] } } }],
    [
      'discovered ones without a name',
      { ipAddress: { networkName: 'a', discovery: { ports: [{}] } } },
      ['/ipAddress/discovery/ports(0)/name'],
    ],
    [
      'discovered ones of the type DOCKER',
      { ...withImage(), ipAddress: { networkName: 'a', discovery: {} } },
      ['/ipAddress'],
    ],
    [
      'discovered ones beside mappings',
      {
        ...mesos({ portMappings: [] }),
        ipAddress: { networkName: 'a', discovery: { ports: [{ name: 'x' }] } },
      },
      ['/ipAddress'],
    ],
    ['an address beside ports', { ipAddress: { networkName: 'a' }, ports: [80] }, ['/']],
    ['an address beside definitions', { ipAddress: { networkName: 'a' }, ...named('x') }, ['/']],
    [
      'both kinds of mappings',
      withImage({ portMappings: [] }, { network: 'BRIDGE', portMappings: [] }),
      ['/container/docker/portMappings'],
    ],
  ],
  'a process without an image': [
    ['on a bridge with its default port', { networks: bridge }],
    [
      'on a bridge, on its host port',
      { ...mesos({ portMappings: [{ containerPort: 0 }] }), networks: bridge },
    ],
    [
      'on a bridge, the same port on both sides',
      { ...mesos({ portMappings: [{ containerPort: 81, hostPort: 81 }] }), networks: bridge },
    ],
    [
      'on a bridge, on a port of its own',
      { ...mesos({ portMappings: [{}, { containerPort: 80 }] }), networks: bridge },
      ['/container/portMappings(1)/containerPort'],
    ],
    ['a folder where it is', mesos({ volumes: [{ containerPath: '/srv', hostPath: '/srv', mode: 'RW' }] })],
    [
      'a folder elsewhere',
      mesos({ volumes: [{ containerPath: '/x', hostPath: '/srv', mode: 'RW' }] }),
      ['/container/volumes(0)'],
    ],
    [
      'a folder to read only',
      mesos({ volumes: [{ containerPath: '/srv', hostPath: '/srv', mode: 'RO' }] }),
      ['/container/volumes(0)'],
    ],
    [
      'unconfined',
      mesos({ linuxInfo: { seccomp: { unconfined: true }, ipcInfo: { mode: 'SHARE_PARENT' } } }),
    ],
    [
      'confined',
      mesos({ linuxInfo: { seccomp: { profileName: 'p' }, ipcInfo: { mode: 'PRIVATE' } } }),
      ['/container/linuxInfo/seccomp', '/container/linuxInfo/ipcInfo'],
    ],
  ],
  'security and shared memory': [
    ['a profile', mesosImage({ linuxInfo: { seccomp: { profileName: 'p' } } })],
    ['shared memory', mesosImage({ linuxInfo: { ipcInfo: { mode: 'private', shmSize: 64 } } })],
    ['nothing chosen', mesosImage({ linuxInfo: { seccomp: {} } }), ['/container/linuxInfo/seccomp']],
    [
      'shared with a size',
      mesosImage({ linuxInfo: { ipcInfo: { mode: 'SHARE_PARENT', shmSize: 1 } } }),
      ['/container/linuxInfo/ipcInfo'],
    ],
    ['a mistake of the type DOCKER, which drops it', withImage({ linuxInfo: { seccomp: {} } })],
  ],
  'checks whose result is shown': [
    ['by HTTP', { check: { http: { path: '/up' } } }],
    ['by TCP at a fixed port', { portDefinitions: [], check: { tcp: { port: 80 } } }],
    ['by a list of words', { check: { exec: { command: { argv: ['true'] } } } }],
    ['of no kind', { check: {} }, ['/check']],
    ['of two kinds', { check: { http: {}, tcp: {} } }, ['/check']],
    ['by HTTPS', { check: { http: { scheme: 'HTTPS' } } }, ['/check/http/scheme']],
    ['of no port', { portDefinitions: [], check: { tcp: {} } }, ['/check']],
    ['of an unknown port', { check: { tcp: { portIndex: 1 } } }, ['/check']],
    ['without a command', { check: { exec: { command: {} } } }, ['/check/exec/command/shell']],
    [
      'with two commands',
      { check: { exec: { command: { shell: 'x', argv: ['x'] } } } },
      ['/check/exec/command'],
    ],
    ['for the type DOCKER', { ...withImage(), check: { tcp: {} } }, ['/']],
    ['for an image of the type MESOS', { ...mesosImage(), check: { tcp: {} } }],
  ],
  'readiness checks': [
    ['with defaults', readiness({})],
    [
      'of a mapping',
      { ...withImage({ portMappings: [{ name: 'http-api' }] }), networks: bridge, readinessChecks: [{}] },
    ],
    ['of an unknown port', { ...named('x'), readinessChecks: [{}] }, ['/readinessChecks(0)/portName']],
    ['as slow as its interval', readiness({ intervalSeconds: 10 }), ['/readinessChecks(0)/timeoutSeconds']],
    [
      'of no status',
      readiness({ httpStatusCodesForReady: [] }),
      ['/readinessChecks(0)/httpStatusCodesForReady'],
    ],
    [
      'of no legal status',
      readiness({ httpStatusCodesForReady: [99] }),
      ['/readinessChecks(0)/httpStatusCodesForReady(0)'],
    ],
    ['two of them', { ...named('http-api'), readinessChecks: [{}, {}] }, ['/readinessChecks']],
  ],
  'registry accounts': [
    ['an account', withImage({}, { credential: { principal: 'p' } }), ['/container/docker/credential']],
    [
      'a secret',
      mesos({ docker: { image: 'x', pullConfig: { secret: 's' } } }),
      ['/container/docker/pullConfig'],
    ],
  ],
};

describe.each(Object.entries(groups))('%s', (_, cases) => {
  it.each(cases.map(([why, change, paths]) => [why, paths ?? [], change] as const))(
    '%s: refused at %j',
    (_why, paths, change) => {
      const parsed = parseApp({ id: '/t/app', cmd: 'sleep 100', instances: 0, ...change });
      const refused = parsed.kind === 'ok' ? [] : parsed.problems.map(({ path }) => path);
      expect(refused).toEqual(paths);
    },
  );
});
