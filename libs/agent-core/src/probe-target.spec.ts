import { describe, expect, test } from '@jest/globals';
import type { HealthCheck, LaunchPort, LaunchSpec } from '#libs/model';
import { aHealthCheck, aLaunchSpec } from '#libs/testkit';
import { portTarget, probeTarget, uncheckedPorts, type TaskPlace } from './probe-target.js';

const port = (index: number, hostPort: number, containerPort?: number): LaunchPort => ({
  ...{ index, hostPort, protocol: 'tcp' },
  ...(containerPort === undefined ? {} : { containerPort }),
});
const place: TaskPlace = {
  address: '192.0.2.7',
  own: [
    { ipAddress: '172.20.0.2', protocol: 'IPv4' },
    { ipAddress: 'fd00::2', protocol: 'IPv6' },
  ],
};
const nowhere: TaskPlace = { ...place, own: [] };
const asked = (check: Partial<HealthCheck>, spec: LaunchSpec, at = place): string | null => {
  const target = probeTarget(aHealthCheck(check), spec, at);
  return target && `${target.host} ${target.port}`;
};

describe('where a check is asked', () => {
  const host = aLaunchSpec({ ports: [port(0, 31_000), port(1, 31_001)] });
  const bridge = aLaunchSpec({ network: 'bridge', ports: [port(0, 31_000, 80)] });
  const container = aLaunchSpec({
    network: 'container',
    networkNames: ['shop'],
    ports: [port(0, 0, 80), port(1, 31_001, 81)],
  });

  test.each<[string, Partial<HealthCheck>, LaunchSpec, string | null]>([
    ['host: index 0 when nothing is said', {}, host, '192.0.2.7 31000'],
    ['host: the port at an index', { portIndex: 1 }, host, '192.0.2.7 31001'],
    ['host: no port at the index', { portIndex: 2 }, host, null],
    ['host: an explicit port', { port: 8080 }, host, '192.0.2.7 8080'],
    ['host: inside, over IPv6', { protocol: 'MESOS_TCP', ipProtocol: 'IPv6' }, host, '::1 31000'],
    ['bridge: a container port where it is published', { port: 80 }, bridge, '192.0.2.7 31000'],
    ['bridge: another port as it is', { port: 8080 }, bridge, '192.0.2.7 8080'],
    ['container: own address and container port', {}, container, '172.20.0.2 80'],
    ['container: a host port if there is one', { portIndex: 1 }, container, '192.0.2.7 31001'],
    ['container: an explicit port that is published', { port: 81 }, container, '192.0.2.7 31001'],
    ['container: an explicit port that is not', { port: 80 }, container, '172.20.0.2 80'],
    ['container: a port of no definition is one of the container', { port: 9 }, container, '172.20.0.2 9'],
    ['container: IPv6', { protocol: 'MESOS_TCP', ipProtocol: 'IPv6' }, container, 'fd00::2 80'],
    ['a command is asked nowhere', { protocol: 'COMMAND' }, container, null],
  ])('%s', (_, check, spec, expected) => {
    expect(asked(check, spec)).toBe(expected);
  });

  test('without an address of its own: only where a host port leads', () => {
    expect(asked({}, container, nowhere)).toBeNull();
    expect(asked({ portIndex: 1 }, container, nowhere)).toBe('192.0.2.7 31001');
    expect(portTarget(port(0, 0, 80), nowhere)).toBeNull();
  });
});

test('ports without a check of their own are those that no check asks, whatever it is asked by', () => {
  const ports = [
    port(0, 0, 80),
    port(1, 0, 81),
    port(2, 31_002, 82),
    { ...port(3, 0, 83), protocol: 'udp' as const },
  ];
  const unchecked = (...healthChecks: Partial<HealthCheck>[]): number[] =>
    uncheckedPorts(
      aLaunchSpec({
        network: 'container',
        ports,
        healthChecks: healthChecks.map((each) => aHealthCheck(each)),
      }),
    ).map(({ index }) => index);
  expect(unchecked()).toEqual([0, 1, 2]);
  expect(unchecked({})).toEqual([1, 2]);
  expect(unchecked({ port: 81 }, { port: 31_002 })).toEqual([0]);
  expect(unchecked({ protocol: 'COMMAND' })).toEqual([0, 1, 2]);
});
