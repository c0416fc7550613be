// What is told of connections to service ports that want a PROXY header first.
import { connect, type Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { aService, type EngineBench } from './engine-bench.js';

const REQUEST = 'GET / HTTP/1.1\r\nhost: web.example\r\nconnection: close\r\n\r\n';

export function headerCases(bench: EngineBench, timeoutMs: number): void {
  /** Sends that, does the rest, and waits until the connection has ended. */
  const say = async (
    port: number,
    text: string,
    then: (socket: Socket) => unknown = () => undefined,
  ): Promise<string> => {
    let [said, isClosed] = ['', false];
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      if (text !== '') socket.write(text);
      then(socket);
    });
    socket.on('error', () => socket.destroy()).on('close', () => (isClosed = true));
    socket.on('data', (bytes: Buffer) => (said += bytes.toString()));
    await until('its end', () => isClosed);
    return said;
  };

  it.each(['auto', 'http', 'tcp'] as const)(
    'counts who comes without a right PROXY header and says so, not who says nothing, as health checks do (%s)',
    async (mode) => {
      const a = await bench.backend('a');
      const servicePort = await bench.freePort();
      const policy = { proxyProtocol: { accept: true } };
      await bench.route(aService([a], { mode, servicePort, policy }));
      expect(await say(servicePort, `PROXY TCP4 203.0.113.9 198.51.100.1 1 2\r\n${REQUEST}`)).toContain(
        '200 OK',
      );
      await say(servicePort, '', (socket) => socket.end());
      await say(servicePort, '', (socket) => socket.resetAndDestroy());
      const told: string[] = [];
      for (const [fault, text] of [
        ['missing', REQUEST],
        ['malformed', 'PROXY TCP4 here there 1 2\r\n'],
        ['cut', 'PROXY TCP4 203.0.113.9 '],
      ] as const) {
        // those before have been told by then, too
        expect(bench.engine.warnings()).toHaveLength(told.length === 0 ? 0 : 1);
        expect(await say(servicePort, text, (socket) => void (fault === 'cut' && socket.end()))).toBe('');
        told.push(`/web ${fault}`);
        await until(`${fault} to be told`, () => bench.headersRefused.length >= told.length);
        expect(bench.headersRefused).toEqual(told);
      }
      expect(bench.engine.warnings()).toEqual([
        expect.stringMatching(new RegExp(`^service port ${servicePort}: .* right PROXY header are closed`)),
      ]);
      expect(a.seen).toHaveLength(1);
    },
    timeoutMs,
  );
}
