// Tasks on container networks: ports that have no host port, and the address that stands in for it.
import { describe, expect, test } from '@jest/globals';
import { asTaskId } from '#libs/model';
import type { AppVersion, Instance, InstanceStatus, Network, PortMapping } from '#libs/model';
import { aHealthCheck, anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { launchSpecOf } from './assignment.js';
import { isReady, isReportedUnready } from './readiness.js';

const mapping = (more: Partial<PortMapping>): PortMapping => ({
  ...{ containerPort: 80, servicePort: 0, protocol: 'tcp', labels: {} },
  ...more,
});

function onNetworks(portMappings: PortMapping[], networks: Network[] = [shop]): AppVersion {
  const { portDefinitions: _, ...spec } = anAppSpec();
  const docker = { image: 'nginx', forcePullImage: false, privileged: false, parameters: [] };
  return aVersion({
    ...spec,
    networks,
    container: { type: 'MESOS', docker, volumes: [], portMappings },
  });
}
const shop: Network = { mode: 'container', name: 'shop' };

const launch = (version: AppVersion, hostPorts: number[]) =>
  launchSpecOf({ ...anInstance({ hostPorts }), taskId: asTaskId('web.1') }, version, { hostname: 'n' });
function portVariables(version: AppVersion, hostPorts: number[]): Record<string, string> {
  const { env } = launch(version, hostPorts);
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('PORT')));
}

describe('the environment of a task on a container network (behaviour.md 12.1)', () => {
  test('only fixed container ports: PORTS is empty and there is no PORT', () => {
    const version = onNetworks([mapping({ name: 'http' }), mapping({ containerPort: 443 })]);
    expect(portVariables(version, [0, 0])).toEqual({
      PORTS: '',
      PORT0: '80',
      PORT_80: '80',
      PORT_HTTP: '80',
      PORT1: '443',
      PORT_443: '443',
    });
  });

  test('host ports come first in PORTS, then the generated number, which the container is told as well', () => {
    const version = onNetworks([mapping({ containerPort: 0 }), mapping({}), mapping({ hostPort: 0 })]);
    const generated = launch(version, [0, 0, 31_000]).ports[0]?.containerPort;
    expect(generated).toBeGreaterThan(1024);
    expect(portVariables(version, [0, 0, 31_000])).toEqual({
      PORT: '31000',
      PORTS: `31000,${generated}`,
      PORT0: `${generated}`,
      [`PORT_${generated}`]: `${generated}`,
      PORT1: '80',
      // of two mappings with one container port the last one names it
      PORT_80: '31000',
      PORT2: '31000',
    });
  });

  test('only a generated number: it is PORT too', () => {
    const version = onNetworks([mapping({ containerPort: 0 })]);
    const generated = `${launch(version, [0]).ports[0]?.containerPort}`;
    expect(portVariables(version, [0])).toMatchObject({
      PORT: generated,
      PORTS: generated,
      PORT0: generated,
    });
  });
});

test('the launch names the networks in order, and 0 for a port without host port', () => {
  const version = onNetworks(
    [mapping({}), mapping({ containerPort: 81, hostPort: 0 })],
    [shop, { mode: 'container', name: 'audit' }],
  );
  expect(launch(version, [0, 31_000])).toMatchObject({
    network: 'container',
    networkNames: ['shop', 'audit'],
    ports: [
      { index: 0, hostPort: 0, containerPort: 80 },
      { index: 1, hostPort: 31_000, containerPort: 81 },
    ],
  });
});

describe('an instance that is reached at its own address', () => {
  const ipAddresses = [{ ipAddress: '172.20.0.2', protocol: 'IPv4' as const }];
  const instance = (hostPorts: number[], status: Partial<InstanceStatus>): Instance =>
    anInstance({ hostPorts, status: aStatus({ accepting: true, ...status }) });

  test('is ready only with an address, whatever its ports or checks say', () => {
    const version = onNetworks([mapping({})]);
    expect(isReady(instance([0], { ipAddresses }), version, 0)).toBe(true);
    expect(isReady(instance([0], {}), version, 0)).toBe(false);
    const checked = { ...version, spec: { ...version.spec, healthChecks: [aHealthCheck()] } };
    const health = [{ alive: true, consecutiveFailures: 0 }];
    expect(isReady(instance([0], { health }), checked, 0)).toBe(false);
    expect(isReady(instance([0], { health, ipAddresses }), checked, 0)).toBe(true);
  });

  test('must leave the table when it is reported without one; with host ports it does not matter', () => {
    const version = onNetworks([mapping({})]);
    expect(isReportedUnready(instance([0], {}), version)).toBe(true);
    expect(isReportedUnready(instance([0], { ipAddresses }), version)).toBe(false);
    expect(isReportedUnready(instance([31_000], {}), version)).toBe(false);
    expect(isReady(instance([31_000], {}), version, 0)).toBe(true);
  });
});

describe('a process on a bridge', () => {
  test('has the network of its host, and listens where its host port is', () => {
    const { portDefinitions: _, ...spec } = anAppSpec();
    const portMappings = [mapping({ containerPort: 0, hostPort: 0 })];
    const version = aVersion({
      ...spec,
      networks: [{ mode: 'container/bridge' }],
      container: { type: 'MESOS', volumes: [], portMappings },
    });
    const { network, ports, env } = launch(version, [31_007]);
    expect([network, ports[0]?.containerPort, env.PORT0]).toEqual(['host', 31_007, '31007']);
  });
});
