import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { asAppId } from '#libs/model';
import { until } from '#libs/testkit';
import { aService, aTable, listen, PATHS, startEngine } from '../fixtures/engine-bed.js';
import { isTooSlow, LOOK_MS } from './body-pace.js';
import { RawClient } from './wire-bed.js';

// generous: machines are shared
jest.setTimeout(120_000);

const close: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of close.splice(0).reverse()) await each();
});

describe('the pace of a body', () => {
  it('is judged after the grace, on the average since the beginning', () => {
    const pace = { bytesPerSecond: 100, graceMs: 3 * LOOK_MS };
    expect(isTooSlow(pace, 3, 0)).toBe(false);
    expect(isTooSlow(pace, 4, 399)).toBe(true);
    expect(isTooSlow(pace, 4, 400)).toBe(false);
    expect(isTooSlow(pace, 100, 9_999)).toBe(true);
    expect(isTooSlow({ ...pace, bytesPerSecond: 0 }, 100, 0)).toBe(false);
  });

  describe.each(PATHS)('on the $path path', ({ fastPath }) => {
    const BODY = 200_000;
    /** By path of the request: what the target got. */
    const asked = new Map<string, IncomingMessage>();
    const left: string[] = [];

    async function start(bytesPerSecond: number): Promise<number> {
      asked.clear();
      left.length = 0;
      const target = createServer((req, res) => {
        const path = req.url ?? '';
        asked.set(path, req);
        res.once('close', () => left.push(path));
        if (path === '/deaf') return;
        if (path === '/early') res.write('early');
        req.resume().once('end', () => res.end('whole'));
      });
      close.push(() => {
        target.closeAllConnections();
        target.close();
      });
      const port = await listen(target);
      const { engine, port: main } = await startEngine({
        fastPath,
        bodyPace: { bytesPerSecond, graceMs: 2 * LOOK_MS },
      });
      close.push(() => engine.stop(0));
      await engine.swap(
        aTable(
          1,
          aService({ a: port }),
          aService(
            { b: port },
            { appId: asAppId('/free'), hosts: ['free.example'], policy: { limits: { bodyMinRate: 0 } } },
          ),
        ),
      );
      return main;
    }
    const begin = (port: number, path: string, first: number, host = 'web.example'): RawClient => {
      const client = new RawClient(port);
      close.push(() => client.socket.destroy());
      return client.send(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${BODY}\r\n\r\n${'x'.repeat(first)}`,
      );
    };

    it('ends a request whose body trickles, and the claim on its target; not one that came faster before, that may be slow, or that is answered already', async () => {
      const port = await start(1_000);
      const slow = begin(port, '/slow', 10);
      const others = [
        // more than 1,000 bytes for each second until the slow one is cut
        begin(port, '/ahead', BODY - 1),
        begin(port, '/free', 1, 'free.example'),
        begin(port, '/early', 1),
      ];
      await others[2]?.hears('early');
      // an octet after each piece that the proxy has sent on: the time-out of silence never comes
      const trickle = setInterval(() => slow.send('y'), 100);
      close.push(() => clearInterval(trickle));
      const text = await slow.hears(/body-min-rate/);
      expect(text).toMatch(/^HTTP\/1\.1 408 .*less than 1000 bytes per second/s);
      await until('the target to be free of it', () => left.includes('/slow'));
      // the others have been looked at by then, too
      await begin(port, '/second', 10).hears(/^HTTP\/1\.1 408/);
      await until('the target to be free of that', () => left.length > 1);
      expect(left).toEqual(['/slow', '/second']);
      for (const [nth, path] of ['/ahead', '/free', '/early'].entries()) {
        others[nth]?.send('z'.repeat(BODY - (path === '/ahead' ? BODY - 1 : 1)));
        await others[nth]?.hears('whole');
      }
    });

    it('does not hurry a client that was told to wait', async () => {
      const port = await start(1_000_000_000);
      const deaf = new RawClient(port);
      close.push(() => deaf.socket.destroy());
      const bytes = 32 * 1024 * 1024;
      deaf.send(`POST /deaf HTTP/1.1\r\nHost: web.example\r\nContent-Length: ${bytes}\r\n\r\n`);
      deaf.socket.write(Buffer.alloc(bytes, 'x'));
      await until('the target', () => asked.has('/deaf'));
      // as a clock
      for (let turn = 0; turn < 2; turn += 1) await begin(port, '/slow', 10).hears(/^HTTP\/1\.1 408/);
      expect([deaf.text, deaf.closed, left.includes('/deaf')]).toEqual(['', false, false]);
    });
  });
});
