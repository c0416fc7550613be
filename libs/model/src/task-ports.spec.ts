import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anAppSpec, anInstance, aStatus } from '#libs/testkit';
import type { AppSpec, PortMapping } from './app-spec.js';
import { asInstanceId, asTaskId } from './ids.js';
import { heldPorts, needsOwnAddress, ownAddressOf, taskPortsOf } from './task-ports.js';

const mapping = (containerPort: number, hostPort?: number): PortMapping => ({
  ...{ containerPort, servicePort: 0, protocol: 'tcp', labels: {} },
  ...(hostPort === undefined ? {} : { hostPort }),
});

function onNetwork(...portMappings: PortMapping[]): AppSpec {
  const { portDefinitions: _, ...spec } = anAppSpec();
  const docker = { image: 'nginx', forcePullImage: false, privileged: false, parameters: [] };
  return {
    ...spec,
    networks: [{ mode: 'container', name: 'shop' }],
    container: { type: 'DOCKER', docker, volumes: [], portMappings },
  };
}

describe('the ports of a task', () => {
  test('host networking: the host ports as assigned, and no container port', () => {
    const [port] = taskPortsOf(anAppSpec(), anInstance({ hostPorts: [31_000] }));
    expect(port).toMatchObject({ hostPort: 31_000, isGenerated: false });
    expect(port).not.toHaveProperty('containerPort');
  });

  test('container network: the fixed number, the host port for 0, or a number of its own', () => {
    const spec = onNetwork(mapping(80), mapping(0, 0), mapping(0), mapping(443, 0));
    const ports = taskPortsOf(spec, anInstance({ hostPorts: [0, 31_000, 0, 31_001] }));
    const generated = ports[2]?.containerPort ?? 0;
    expect(
      ports.map(({ hostPort, containerPort, isGenerated }) => [hostPort, containerPort, isGenerated]),
    ).toEqual([
      [0, 80, false],
      [31_000, 31_000, false],
      [0, generated, true],
      [31_001, 443, false],
    ]);
    expect(generated).toBeGreaterThan(1024);
  });

  test('generated numbers: in range, used once in the task, the same for every task of the instance', () => {
    const numbers = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65_535 })), { maxLength: 8 });
    fc.assert(
      fc.property(fc.uuid(), numbers, (uuid, containerPorts) => {
        const spec = onNetwork(...containerPorts.map((port) => mapping(port)));
        const id = asInstanceId(`web.instance-${uuid}`);
        const hostPorts = containerPorts.map(() => 0);
        const ports = taskPortsOf(spec, anInstance({ id, hostPorts, taskId: asTaskId('web.1') }));
        const generated = ports.filter((each) => each.isGenerated).map((each) => each.containerPort ?? 0);
        expect(generated.every((port) => port >= 1025 && port <= 65_535)).toBe(true);
        expect(new Set(generated).size).toBe(generated.length);
        expect(generated.filter((port) => containerPorts.includes(port))).toEqual([]);
        expect(taskPortsOf(spec, anInstance({ id, hostPorts, taskId: asTaskId('web.2') }))).toEqual(ports);
      }),
    );
  });
});

describe('addresses', () => {
  const ipAddresses = [
    { ipAddress: '172.20.0.2', protocol: 'IPv4' as const },
    { ipAddress: 'fd00::2', protocol: 'IPv6' as const },
  ];

  test('the first one of the current task, or none', () => {
    const taskId = asTaskId('web.1');
    expect(ownAddressOf(anInstance({ taskId, status: aStatus({ taskId, ipAddresses }) }))).toBe('172.20.0.2');
    expect(ownAddressOf(anInstance({ taskId }))).toBeUndefined();
    const older = aStatus({ taskId: asTaskId('web.0'), ipAddresses });
    expect(ownAddressOf(anInstance({ taskId, status: older }))).toBeUndefined();
  });

  test('0 stands for no host port', () => {
    expect(heldPorts(anInstance({ hostPorts: [0, 31_000, 0] }))).toEqual([31_000]);
    expect(needsOwnAddress(anInstance({ hostPorts: [0, 31_000] }))).toBe(true);
    expect(needsOwnAddress(anInstance({ hostPorts: [31_000] }))).toBe(false);
    expect(needsOwnAddress(anInstance({ hostPorts: [] }))).toBe(false);
  });
});
