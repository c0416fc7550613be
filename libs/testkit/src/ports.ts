// Ports for tests: bound once to prove that they are free, never given out twice by one process, and spread by process id,
// because outgoing connections and other test processes take ports too (decisions.md 23). Whoever listens on one retries with another.
import { createServer } from 'node:net';

const FIRST = 20_100;
const SPAN = 9_000;
let next = (process.pid * 97) % SPAN;

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `count` ports in a row, all free at this moment. */
export async function freePorts(count = 1): Promise<number[]> {
  for (let tries = 0; tries < 500; tries += 1) {
    const first = FIRST + next;
    next = (next + count) % (SPAN - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(canListen));
    if (free.every(Boolean)) return ports;
  }
  throw new Error(`no ${count} free ports in a row between ${FIRST} and ${FIRST + SPAN}`);
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}
