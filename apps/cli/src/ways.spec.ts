// The URLs of apps, as they come out of what a server and its proxies say; also of older releases.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ApiClient } from '#libs/api-client';
import { readConfiguration } from '#libs/configuration';
import { COMMON_OPTIONS } from './command-table.js';
import { readWays } from './ways.js';

let server: Server;
let proxies: object[];
let ways: object[];
beforeEach(async () => {
  server = createServer(({ url = '' }, answer) => {
    const body = url.startsWith('/v3/proxies') ? { proxies } : { apps: [{ appId: '/web', ways }] };
    answer.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function linesOf(): Promise<readonly string[]> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = readConfiguration(COMMON_OPTIONS, { argv: [], env: {} });
  return (await readWays({ api: new ApiClient({ url }), settings }, '/web')).lines('/web');
}

const aProxy = (id: string, listens: object, more: object = {}): object => ({
  ...{ id, address: `${id}:8000`, live: true, warnings: [], confirmed: { epoch: 1, number: 1 } },
  ...{ listens: { appPaths: true, ...listens }, ...more },
});
const byHost = (more: object): object => ({ by: 'host', portIndex: 0, host: 'shop.example', ...more });

describe('the URLs of a host', () => {
  it('are those of a proxy that has a certificate for it', async () => {
    const httpsNames = ['shop.example'];
    proxies = [
      aProxy('p1', { httpsPort: 8443, httpsNames: [] }),
      aProxy('p2', { httpsPort: 8444, httpsNames }, { live: false }),
      aProxy('p3', { httpsPort: 8445, httpsNames }),
    ];
    ways = [byHost({ proxies: ['p1', 'p3'], https: ['p3'] })];
    expect(await linesOf()).toEqual(['https://shop.example:8445/', 'http://shop.example:8000/']);
  });

  it('are plain alone where no certificate is for it', async () => {
    proxies = [aProxy('p1', { httpsPort: 8443, httpsNames: ['other.example'] })];
    ways = [byHost({ proxies: ['p1'], https: [] })];
    expect(await linesOf()).toEqual(['http://shop.example:8000/']);
  });

  it('are plain first where nobody can say whether one is: of older releases, of more names than are told, of all names', async () => {
    const both = ['http://shop.example:8000/', 'https://shop.example:8443/'];
    const known = { httpsPort: 8443, httpsNames: ['other.example'] };
    const way = { proxies: ['p1'], https: [] };
    const cases: [listens: object, way: object][] = [
      [{ httpsPort: 8443 }, way],
      [{ ...known, httpsNamesCut: true }, way],
      [known, { proxies: ['p1'] }],
    ];
    for (const [listens, each] of cases) {
      proxies = [aProxy('p1', listens)];
      ways = [byHost(each)];
      expect([listens, each, await linesOf()]).toEqual([listens, each, both]);
    }
    proxies = [aProxy('p1', known)];
    ways = [byHost({ ...way, host: '*' })];
    expect(await linesOf()).toEqual(['http://*:8000/', 'https://*:8443/']);
  });
});
