// Whom a connection is from, on real sockets of a listener that takes both kinds of addresses.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { originOf } from './origin.js';

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
])('a client at %s of a listener on :: is %s, at both ends', async (host, address) => {
  const server = createServer().listen({ host: '::', port: 0 });
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, host);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const { clientAddress, endpoints } = originOf(socket);
  expect([clientAddress, endpoints?.from.address, endpoints?.to.address]).toEqual([
    address,
    address,
    address,
  ]);
  client.destroy();
  socket.destroy();
  server.close();
});
