// Ports for tests: bound once to prove that they are free, never given out twice by one process, and spread, because outgoing connections
// and other test processes take ports too (decisions.md 23). Whoever listens on one retries with another. Each worker of one jest has a
// part of its own: a range that is handed to a Longrun stays unbound for long, so that trying it proves nothing to the other workers.
import { createServer } from 'node:net';

const FIRST = 20_100;
const PARTS = 4;
const SPAN = 2_250;

/** Numbered from 1 by jest. */
const worker = Number(process.env['JEST_WORKER_ID'] ?? 1);
const START = FIRST + ((worker - 1) % PARTS) * SPAN;
let next = (process.pid * 97) % SPAN;

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `count` ports in a row, all free at this moment. Rejects when there are none. */
export async function freePorts(count = 1): Promise<number[]> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (next + count > SPAN) next = 0;
    const first = START + next;
    next += count;
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(canListen));
    if (free.every(Boolean)) return ports;
  }
  throw new Error(`no ${count} free ports in a row between ${START} and ${START + SPAN}`);
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}
