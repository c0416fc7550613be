// Promise 2 at the data path: from the end of a swap nothing new reaches what left, what is in flight is counted and finishes, and
// nothing is lost while tables change under load.
import { Agent } from 'node:http';
import { expect, it } from '@jest/globals';
import { asAppId, asTaskId } from '#libs/model';
import { until } from '#libs/testkit';
import { aService, type EngineBench } from './engine-bench.js';

export function departureCases(bench: EngineBench, timeoutMs: number): void {
  it(
    'sends nothing new to a target that left, also on kept connections',
    async () => {
      const [a, b] = [await bench.backend('a'), await bench.backend('b')];
      const agent = new Agent({ keepAlive: true, maxSockets: 4 });
      await bench.route(aService([a, b]));
      await Promise.all(Array.from({ length: 20 }, () => bench.ask({ agent })));
      for (let turn = 0; turn < 10; turn += 1) {
        const [stays, leaves] = turn % 2 === 0 ? [a, b] : [b, a];
        await bench.route(aService([stays]));
        const before = leaves.seen.length;
        expect(await bench.tally(10, { agent })).toEqual({ [stays.task]: 10 });
        expect(leaves.seen.length).toBe(before);
        await bench.route(aService([a, b]));
      }
      agent.destroy();
    },
    timeoutMs,
  );

  it(
    'counts what is in flight to a target that left from the moment of the swap, lets it finish, and says when nothing is left',
    async () => {
      const [a, b] = [await bench.backend('a'), await bench.backend('b')];
      await bench.route(aService([a]));
      const held = [bench.ask({ path: '/hold' }), bench.ask({ path: '/hold' })];
      await until('both to be held', () => a.held() === 2);
      await bench.route(aService([b]));
      expect(bench.engine.inFlight().get(asTaskId('a'))).toBe(2);
      expect(bench.idle).toEqual([]);
      expect((await bench.ask()).text).toBe('b');
      a.release();
      expect((await Promise.all(held)).map(({ text }) => text)).toEqual(['a', 'a']);
      await until('nothing in flight', () => !bench.engine.inFlight().has(asTaskId('a')));
      await until('the word of it', () => bench.idle.includes(asTaskId('a')));
    },
    timeoutMs,
  );

  it(
    'the same when the whole app goes, and its service port with it',
    async () => {
      const [a, other] = [await bench.backend('a'), await bench.backend('other')];
      const servicePort = await bench.freePort();
      const stays = aService([other], { appId: asAppId('/other'), hosts: ['other.example'] });
      await bench.route(aService([a], { servicePort }), stays);
      const held = bench.ask({ path: '/hold', port: servicePort });
      await until('it to be held', () => a.held() === 1);
      await bench.route(stays);
      expect(bench.engine.inFlight().get(asTaskId('a'))).toBe(1);
      await until('the port to be closed', () =>
        bench.ask({ port: servicePort }).then(
          ({ status }) => status >= 400,
          () => true,
        ),
      );
      a.release();
      expect((await held).text).toBe('a');
      await until('the word of it', () => bench.idle.includes(asTaskId('a')));
    },
    timeoutMs,
  );

  it(
    'loses nothing while targets, hosts, labels and listeners change under load',
    async () => {
      const backends = [
        await bench.backend('a'),
        await bench.backend('b'),
        await bench.backend('c'),
      ] as const;
      const ports = [await bench.freePort(), await bench.freePort()] as const;
      const agent = new Agent({ keepAlive: true, maxSockets: 8 });
      let stop = false;
      const results: Record<string, number> = {};
      const count = (what: string): void => void (results[what] = (results[what] ?? 0) + 1);
      await bench.route(aService(backends));
      const client = async (kept: boolean): Promise<void> => {
        while (!stop) {
          try {
            // a POST is never repeated: it is lost when its connection is
            const { status, text } = await bench.ask({
              method: 'POST',
              body: 'x',
              ...(kept ? { agent } : {}),
            });
            count(status === 200 ? '200' : `${status} ${text}`);
          } catch (error) {
            count(error instanceof Error ? error.message : String(error));
          }
        }
      };
      const clients = [true, true, true, false].map(client);
      for (let turn = 0; turn < 24; turn += 1) {
        const present = backends.filter((_, at) => at !== turn % 3);
        await bench.route(
          aService(present, turn % 4 < 2 ? { policy: { timeouts: { silenceMs: 60_000 + turn } } } : {}),
          aService([backends[0]], {
            appId: asAppId('/x'),
            hosts: [`h${turn}.example`],
            servicePort: ports[turn % 2 === 0 ? 0 : 1] as number,
          }),
        );
      }
      await until('enough requests', () => (results['200'] ?? 0) > 200);
      stop = true;
      await Promise.all(clients);
      agent.destroy();
      expect(Object.keys(results)).toEqual(['200']);
    },
    timeoutMs,
  );

  it(
    'finishes what is in flight when it is stopped, and takes nothing new',
    async () => {
      const a = await bench.backend('a');
      await bench.route(aService([a]));
      const held = bench.ask({ path: '/hold' });
      await until('it to be held', () => a.held() === 1);
      const stopped = bench.engine.stop(20_000);
      await until('no new connections', () =>
        bench.ask().then(
          () => false,
          () => true,
        ),
      );
      a.release();
      expect((await held).text).toBe('a');
      await stopped;
    },
    timeoutMs,
  );
}
