// The task of the zero-loss gate: answers a request with its task and what it got of the body, echoes over WebSockets, and ends at once on
// SIGTERM, as most services do. So whatever is still under way to it when it is stopped is lost, and seen.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const task = process.env['MESOS_TASK_ID'] ?? 'no task';
const server = createServer((request, response) => {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  request.on('end', () => response.end(`${bytes} ${task}`));
});
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.send(`task ${task}`);
});
server.listen(Number(process.env['PORT0']));
