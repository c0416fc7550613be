// Whether the host ports of a launch are free at this moment: outgoing connections take ports too (decisions.md 23).
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { LaunchPort } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import { protocolsOf } from './container-definition.js';

/** Rejects with `port-taken` and the port. */
export async function testHostPorts(ports: readonly LaunchPort[]): Promise<void> {
  for (const port of ports.filter(({ hostPort }) => hostPort !== 0)) {
    for (const protocol of protocolsOf(port)) {
      const problem = await (protocol === 'tcp' ? tryTcp(port.hostPort) : tryUdp(port.hostPort));
      if (problem) {
        const message = `host port ${port.hostPort}/${protocol} is taken on this agent (${problem})`;
        throw new RuntimeError('rejected', 'port-taken', message, port.hostPort);
      }
    }
  }
}

/** What went wrong, or null. A port below 1024 that may not be bound by this user says nothing about the Engine. */
const reading = (error: NodeJS.ErrnoException): string | null =>
  error.code === 'EACCES' ? null : (error.code ?? 'unknown');

function tryTcp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(reading(error)));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function tryUdp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      resolve(reading(error));
    });
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve(null)));
  });
}
