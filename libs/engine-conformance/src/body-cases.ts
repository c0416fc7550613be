// Bodies that tell no length, and the paths that a task sends back: what each engine does to them on the way.
import { request, type ClientRequest } from 'node:http';
import { expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { until } from '#libs/testkit';
import { aService, type EngineBench } from './engine-bench.js';

export function bodyCases(bench: EngineBench, timeoutMs: number): void {
  it(
    'ends a body that tells no length at the limit of its service, and passes on what is within it as it comes',
    async () => {
      const [a, b] = [await bench.backend('a'), await bench.backend('b')];
      const limit = 1_000_000;
      const [policy, host] = [{ limits: { bodyBytes: limit } }, 'b.example'];
      await bench.route(aService([a], { policy }), aService([b], { appId: asAppId('/b'), hosts: [host] }));
      const words = `the body is longer than the ${limit} bytes that this app takes (its label longrun.io/body-limit)`;
      const tooLong = [413, JSON.stringify({ message: words })];

      const within = upload(bench.port);
      within.send('x'.repeat(100_000));
      await until('the first part, before there is another', () => a.bytes() === 100_000);
      within.send('x'.repeat(limit - 100_000));
      expect(await within.end()).toEqual([200, 'a']);
      expect(a.seen.at(-1)?.body).toHaveLength(limit);

      const beyond = upload(bench.port);
      beyond.send('x'.repeat(limit));
      await until('what is within', () => a.bytes() === 2 * limit);
      beyond.send('x');
      expect(await beyond.end()).toEqual(tooLong);
      // what is too long is no request
      expect([a.seen.length, a.bytes()]).toEqual([1, 2 * limit]);
      expect(await bench.ask({ method: 'POST', body: 'x'.repeat(limit + 1) })).toMatchObject({
        status: 413,
        text: tooLong[1],
      });
      expect(a.bytes()).toBe(2 * limit);

      const other = upload(bench.port, host);
      other.send('x'.repeat(limit + 1));
      expect(await other.end()).toEqual([200, 'b']);
    },
    timeoutMs,
  );

  it(
    'puts the prefix that the labels name before the paths of its own host that a task sends back',
    async () => {
      const [a, b] = [await bench.backend('a'), await bench.backend('b')];
      await bench.route(
        aService([a], { policy: { locationPrefix: "/my/%7Eit's" } }),
        aService([b], { appId: asAppId('/b'), hosts: ['b.example'] }),
      );
      const sent = async (value: string, host = 'web.example:8000'): Promise<unknown> => {
        const { status, headers } = await bench.ask({
          path: `/to?${encodeURIComponent(value)}`,
          headers: { host },
        });
        expect(status).toBe(201);
        expect(headers['content-location']).toBe(headers.location);
        return headers.location;
      };
      const mine = "/my/%7Eit's";
      const changed: readonly (readonly [string, string])[] = [
        ['/x?y=//z#/w', `${mine}/x?y=//z#/w`],
        ['/', `${mine}/`],
        [`${mine}x`, `${mine}${mine}x`],
        [`/?at=${mine}/`, `${mine}/?at=${mine}/`],
        ['http://Web.example/x, y%', `http://Web.example${mine}/x, y%`],
        ['https://web.example:8443', `https://web.example:8443${mine}/`],
        ['http://web.example?x=/', `http://web.example${mine}/?x=/`],
      ];
      for (const [value, becomes] of changed) expect(await sent(value)).toBe(becomes);
      const same = [
        ...[mine, `${mine}/x`, `${mine}?x`, 'x', '../x', '//other/x', 'http://other.example/x', '?x'],
        ...[`http://web.example${mine}/x`, 'http://web.example//x', 'ftp://web.example/x'],
      ];
      for (const value of same) expect(await sent(value)).toBe(value);
      // without the label
      expect(await sent('/x', 'b.example')).toBe('/x');
      expect((await bench.ask()).headers.location).toBeUndefined();
    },
    timeoutMs,
  );
}

interface Upload {
  send(text: string): void;
  /** Resolves with status and body of the answer, also when it comes before the end. */
  end(): Promise<[number, string]>;
}

/** A POST in chunks. */
function upload(port: number, host = 'web.example'): Upload {
  let sent: ClientRequest;
  const answer = new Promise<[number, string]>((resolve, reject) => {
    sent = request(
      { host: '127.0.0.1', port, method: 'POST', headers: { host }, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('end', () => resolve([response.statusCode ?? 0, text]));
      },
    );
    // after an answer it says nothing
    sent.on('error', reject);
  });
  answer.catch(() => undefined);
  return {
    send: (text) => void sent.write(text),
    end: () => {
      sent.end();
      return answer;
    },
  };
}
