// The examples of marathon-lb's documentation (README.md, Longhelp.md, tests/*.json of version 1.15), as apps whose labels are read into
// a table that a real engine serves. Ports are other ones; names are those of the documentation.
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  asAgentId,
  asAppId,
  asInstanceId,
  asTaskId,
  timestampOf,
  type App,
  type AppSpec,
  type Instance,
} from '#libs/model';
import { buildRouteTable, routeWarnings, servedBy, type RoutedApp, type RouteTable } from '#libs/routing';
import { anAgentInfo, anAppSpec, anInstance, aPortDefinition, aVersion, freePort } from '#libs/testkit';
import { ask, listen, PATHS, startEngine, type Answered, type Ask } from './fixtures/engine-bed.js';
import type { ProxyEngine } from './proxy-engine.js';

jest.setTimeout(60_000);

type Labels = Record<string, string>;
const agent = anAgentInfo({ id: asAgentId('agent-1'), address: '127.0.0.1' });
const range = { from: 1_024, to: 65_535 };

interface Seen {
  readonly name: string;
  readonly url: string;
  readonly headers: Record<string, string>;
}

describe.each(PATHS)('marathon-lb`s examples, on the $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let backends: (Server | TcpServer)[];
  let tables: number;

  beforeEach(async () => {
    backends = [];
    tables = 0;
    ({ engine, port } = await startEngine({ fastPath, appPaths: true }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of backends) {
      if ('closeAllConnections' in each) each.closeAllConnections();
      each.close();
    }
  });

  /** Tells what it was asked; `answer` are headers of its own. */
  const backend = async (name: string, answer: Labels = {}): Promise<number> => {
    const server = createServer((req, res) => {
      res.writeHead(200, answer);
      res.end(JSON.stringify({ name, url: req.url, headers: req.headers }));
    });
    backends.push(server);
    return listen(server);
  };

  interface Wish {
    readonly labels?: Labels;
    /** Where its instances listen. */
    readonly at?: readonly number[];
    readonly spec?: Partial<AppSpec>;
  }
  const anApp = (id: string, { labels = {}, at = [], spec = {} }: Wish): RoutedApp => {
    const definition = anAppSpec({
      id: asAppId(id),
      labels,
      instances: at.length,
      portDefinitions: [aPortDefinition({ port: 0 })],
      ...spec,
    });
    const current = aVersion(definition);
    const app: App = { id: asAppId(id), current, removing: false, revision: 1 };
    const instances: Instance[] = at.map((hostPort, n) =>
      anInstance({
        id: asInstanceId(`${id.slice(1)}.instance-${n}`),
        appId: app.id,
        version: current.version,
        taskId: asTaskId(`${id.slice(1)}.${n}`),
        agentId: agent.id,
        hostPorts: [hostPort],
        routing: 'in',
      }),
    );
    return { app, instances, versionOf: () => current };
  };
  const tableOf = (...apps: RoutedApp[]): RouteTable =>
    buildRouteTable({
      cluster: 'c',
      epoch: 1,
      number: (tables += 1),
      madeAt: timestampOf(0),
      apps,
      agentOf: () => agent,
      servicePortRange: range,
    });
  const serve = async (...apps: RoutedApp[]): Promise<RouteTable> => {
    const table = tableOf(...apps);
    await engine.swap(table);
    return table;
  };
  const warningsOf = (...apps: RoutedApp[]): string[] =>
    routeWarnings({ apps, servicePortRange: range }).map(({ text }) => text);
  const get = (host: string, path = '/', more: Partial<Ask> = {}): Promise<Answered> =>
    ask({ port, path, ...more, headers: { host, ...more.headers } });
  const seenBy = ({ text }: Answered): Seen => JSON.parse(text) as Seen;

  it('HAPROXY_0_VHOST: one host, or several with commas', async () => {
    const [one, two] = await Promise.all([backend('one'), backend('two')]);
    await serve(
      anApp('/http-service', {
        labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'service.mesosphere.com' },
        at: [one],
      }),
      anApp('/marathon', { labels: { HAPROXY_0_VHOST: 'marathon.mesosphere.com,marathon' }, at: [two] }),
    );
    expect(seenBy(await get('service.mesosphere.com')).name).toBe('one');
    for (const host of ['marathon.mesosphere.com', 'marathon', 'Marathon:80'])
      expect(seenBy(await get(host)).name).toBe('two');
    expect((await get('mesosphere.com')).status).toBe(404);
  });

  it('HAPROXY_0_PATH: one path, or several that are compared without case', async () => {
    const [one, two, rest] = await Promise.all([backend('one'), backend('two'), backend('rest')]);
    const vhost = { HAPROXY_0_VHOST: 'marathon.mesosphere.com' };
    const apps = [
      anApp('/derp', { labels: { ...vhost, HAPROXY_0_PATH: '/v2/api/derp' }, at: [one] }),
      anApp('/several', { labels: { ...vhost, HAPROXY_0_PATH: '-i /multiple /paths' }, at: [two] }),
      anApp('/a-rest', { labels: vhost, at: [rest] }),
    ];
    await serve(...apps);
    const found = async (path: string): Promise<string> =>
      seenBy(await get('marathon.mesosphere.com', path)).name;
    expect(await found('/v2/api/derp/x')).toBe('one');
    expect([await found('/multiple'), await found('/PATHS/x')]).toEqual(['two', 'two']);
    expect([await found('/'), await found('/v2/api')]).toEqual(['rest', 'rest']);
    expect(warningsOf(...apps)).toEqual([]);
  });

  it('HAPROXY_0_BACKEND_WEIGHT: the heavier one is asked first', async () => {
    const [one, two] = await Promise.all([backend('one'), backend('two')]);
    const vhost = { HAPROXY_0_VHOST: 'x.example' };
    await serve(
      anApp('/one', { labels: { ...vhost, HAPROXY_0_PATH: '/api' }, at: [one] }),
      anApp('/two', { labels: { ...vhost, HAPROXY_0_BACKEND_WEIGHT: '2' }, at: [two] }),
    );
    expect(seenBy(await get('x.example', '/api')).name).toBe('two');
  });

  it('HAPROXY_0_STICKY: a client stays with its instance', async () => {
    const at = await Promise.all(['a', 'b', 'c'].map((name) => backend(name)));
    await serve(anApp('/web', { labels: { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_STICKY: 'true' }, at }));
    const first = await get('x.example');
    const cookie = first.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    expect(cookie).toMatch(/^longrun-/);
    for (let round = 0; round < 10; round += 1)
      expect(seenBy(await get('x.example', '/', { headers: { cookie } })).name).toBe(seenBy(first).name);
  });

  it('HAPROXY_0_REDIRECT_TO_HTTPS and _USE_HSTS', async () => {
    const labels = {
      HAPROXY_0_VHOST: 'x.example',
      HAPROXY_0_REDIRECT_TO_HTTPS: 'true',
      HAPROXY_0_USE_HSTS: 'true',
    };
    await serve(anApp('/web', { labels, at: [await backend('one')] }));
    expect(await get('x.example', '/a?b')).toMatchObject({
      status: 301,
      headers: { location: 'https://x.example/a?b' },
    });
    const behind = await get('x.example', '/a', { headers: { 'x-forwarded-proto': 'https' } });
    expect(behind).toMatchObject({
      status: 200,
      headers: { 'strict-transport-security': 'max-age=15768000' },
    });
  });

  it('HAPROXY_0_AUTH: realm, name and hash', async () => {
    const hash = '$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA';
    const app = anApp('/web', {
      labels: { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_AUTH: `realm:username:${hash}` },
      at: [await backend('one')],
    });
    await serve(app);
    const with_ = (text: string): Promise<Answered> =>
      get('x.example', '/', { headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } });
    expect(await get('x.example')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="realm", charset="UTF-8"' },
    });
    expect((await with_('username:wrong')).status).toBe(401);
    expect((await with_('username:secret')).status).toBe(200);
    expect(warningsOf(app)).toEqual([]);
  });

  it('HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL, over HTTP and TCP', async () => {
    const at = [await backend('one')];
    const labels = {
      HAPROXY_0_VHOST: 'x.example',
      HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: '10.1.40.0/24 10.1.55.43',
    };
    await serve(anApp('/web', { labels, at }));
    expect((await get('x.example', '/', { headers: { 'x-forwarded-for': '10.1.55.43' } })).status).toBe(403);
    await serve(
      anApp('/web', { labels: { ...labels, HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: '127.0.0.0/8' }, at }),
    );
    expect((await get('x.example')).status).toBe(200);

    const echo = createTcpServer((socket) => socket.pipe(socket));
    backends.push(echo);
    const [target, servicePort] = [await listen(echo as Server), await freePort()];
    const tcp = (allowed: string): RoutedApp =>
      anApp('/tcp', {
        labels: { HAPROXY_0_MODE: 'tcp', HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: allowed },
        at: [target],
        spec: { portDefinitions: [aPortDefinition({ port: servicePort })] },
      });
    const say = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(servicePort, '127.0.0.1', () => socket.write('hello'));
        let text = '';
        socket.on('error', () => resolve('reset'));
        socket.on('close', () => resolve(text));
        socket.on('data', (bytes) => {
          text += bytes.toString();
          socket.end();
        });
      });
    await serve(tcp('127.0.0.1'));
    expect(await say()).toBe('hello');
    await serve(tcp('10.1.40.0/24'));
    expect(['', 'reset']).toContain(await say());
  });

  it('HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH, _REVPROXY_PATH and _REDIR', async () => {
    const at = [await backend('one', { location: '/login' })];
    const vhost = { HAPROXY_0_VHOST: 'x.example' };
    await serve(
      anApp('/web', { labels: { ...vhost, HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH: '/path/to/redirect' }, at }),
    );
    expect(seenBy(await get('x.example', '/path/to/redirect/x?y'))).toMatchObject({
      url: '/x?y',
      headers: { host: 'x.example', 'x-forwarded-prefix': '/path/to/redirect' },
    });
    expect(seenBy(await get('x.example', '/other')).url).toBe('/other');
    await serve(
      anApp('/web', { labels: { ...vhost, HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH: '/my/content' }, at }),
    );
    expect((await get('x.example')).headers.location).toBe('/my/content/login');
    await serve(anApp('/web', { labels: { ...vhost, HAPROXY_0_HTTP_BACKEND_REDIR: '/my/content' }, at }));
    expect(await get('x.example', '/')).toMatchObject({ status: 301, headers: { location: '/my/content' } });
    expect((await get('x.example', '/x')).status).toBe(200);
  });

  it('HAPROXY_0_PORT, _BIND_ADDR, _MODE, _BALANCE and _ENABLED', async () => {
    const [at, wanted] = [[await backend('one')], await freePort()];
    const labels = {
      HAPROXY_0_PORT: String(wanted),
      HAPROXY_0_BIND_ADDR: '127.0.0.1',
      HAPROXY_0_MODE: 'http',
      HAPROXY_0_BALANCE: 'leastconn',
      HAPROXY_0_ENABLED: 'true',
    };
    const { services } = await serve(anApp('/web', { labels, at }));
    expect(services).toMatchObject([
      { servicePort: wanted, mode: 'http', policy: { balance: { by: 'least' }, bind: '127.0.0.1' } },
    ]);
    expect(seenBy(await ask({ port: wanted })).name).toBe('one');
    const reached = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(wanted, host, () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      });
    await serve(anApp('/web', { labels: { ...labels, HAPROXY_0_BIND_ADDR: '127.0.0.42' }, at }));
    expect([await reached('127.0.0.42'), await reached('127.0.0.1')]).toEqual([true, false]);
    const off = anApp('/web', { labels: { ...labels, HAPROXY_0_ENABLED: 'false' }, at });
    expect((await serve(off)).services).toEqual([]);
    await expect(ask({ port: wanted })).rejects.toThrow();
  });

  it('HAPROXY_GROUP and HAPROXY_0_GROUP: a proxy may serve some groups only', () => {
    const spec = { portDefinitions: [aPortDefinition({ port: 0 }), aPortDefinition({ port: 0 })] };
    const table = tableOf(
      anApp('/hybrid', { labels: { HAPROXY_0_GROUP: 'external', HAPROXY_GROUP: 'internal' }, spec }),
      anApp('/none', {}),
    );
    const of = (...groups: string[]): string[] =>
      servedBy(table, groups).services.map(({ appId, portIndex }) => `${appId} ${portIndex}`);
    expect(of('external')).toEqual(['/hybrid 0']);
    expect(of('internal')).toEqual(['/hybrid 1']);
    expect(of('*')).toEqual(['/hybrid 0', '/hybrid 1', '/none 0']);
    expect(of()).toEqual(of('*'));
  });

  it('text for HAProxy and files of its machine are named, each with what to use here', () => {
    const texts = warningsOf(
      anApp('/http-service', {
        labels: {
          HAPROXY_GROUP: 'external',
          HAPROXY_0_BACKEND_HTTP_OPTIONS:
            '  option forwardfor\n  no option http-keep-alive\n  http-request set-header X-Forwarded-Port %[dst_port]\n',
          HAPROXY_0_SSL_CERT: '/etc/ssl/certs/marathon.mesosphere.com',
          HAPROXY_0_BIND_OPTIONS: 'ciphers AES128+EECDH:AES128+EDH force-tlsv12 no-sslv3 no-tlsv10',
          HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: '1',
        },
      }),
    ).join('\n');
    expect(texts).toMatch(/HAPROXY_0_BACKEND_HTTP_OPTIONS: no effect.*longrun\.io\/request-headers/);
    expect(texts).toMatch(/HAPROXY_0_SSL_CERT: no effect.*--proxy-certs/);
    expect(texts).toMatch(
      /HAPROXY_0_BIND_OPTIONS: "ciphers force-tlsv12 no-sslv3 no-tlsv10" is not used.*--proxy-certs/,
    );
    expect(texts).toMatch(/HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: no effect.*healthChecks/);
  });

  describe('blue and green of one deployment group, as zdd.py makes them', () => {
    const colours = async (more: {
      readonly green?: Labels;
      readonly greens: number;
      readonly blues?: number;
    }) => {
      const servicePort = await freePort();
      const base = (colour: string, startedAt: string): Labels => ({
        HAPROXY_DEPLOYMENT_GROUP: 'nginx',
        HAPROXY_GROUP: 'external',
        HAPROXY_DEPLOYMENT_COLOUR: colour,
        HAPROXY_DEPLOYMENT_TARGET_INSTANCES: '3',
        HAPROXY_DEPLOYMENT_STARTED_AT: startedAt,
        HAPROXY_DEPLOYMENT_ALT_PORT: '10001',
        HAPROXY_0_PORT: String(servicePort),
        HAPROXY_0_VHOST: 'nginx.example',
        HAPROXY_APP_ID: 'nginx',
      });
      const [blue, green] = [await backend('blue'), await backend('green')];
      const blueApp = anApp('/nginx-blue', {
        labels: base('blue', '2016-02-01T14:13:42.499089'),
        at: Array.from({ length: more.blues ?? 3 }, () => blue),
      });
      const greenApp = anApp('/nginx-green', {
        labels: { ...base('green', '2016-02-01T15:00:00.000000'), ...more.green },
        at: Array.from({ length: more.greens }, () => green),
        spec: { portDefinitions: [aPortDefinition({ port: servicePort === 10_001 ? 10_002 : 10_001 })] },
      });
      return { servicePort, blueApp, greenApp };
    };
    const ofGroup = (table: RouteTable): string[] =>
      (table.services.find(({ appId }) => appId === '/nginx')?.targets ?? []).map(
        ({ taskId, weight }) => `${taskId}${weight === 0 ? ' drained' : ''}`,
      );
    const countNames = async (servicePort: number): Promise<Record<string, number>> => {
      const counts: Record<string, number> = {};
      for (let round = 0; round < 30; round += 1) {
        const { name } = seenBy(await ask({ port: servicePort }));
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    };

    it('share host and service port; for each new instance an old one gets no new requests', async () => {
      const { servicePort, blueApp, greenApp } = await colours({ greens: 1 });
      expect(ofGroup(await serve(blueApp))).toEqual(['nginx-blue.0', 'nginx-blue.1', 'nginx-blue.2']);
      expect(seenBy(await get('nginx.example')).name).toBe('blue');
      const both = await serve(blueApp, greenApp);
      expect(ofGroup(both)).toEqual([
        'nginx-blue.0 drained',
        'nginx-blue.1',
        'nginx-blue.2',
        'nginx-green.0',
      ]);
      expect(Object.keys(await countNames(servicePort)).sort()).toEqual(['blue', 'green']);
      expect(warningsOf(blueApp, greenApp)).toEqual([]);
    });

    it('are changed over when all new ones are there, and the old app may go', async () => {
      const { servicePort, blueApp, greenApp } = await colours({ greens: 3 });
      expect(ofGroup(await serve(blueApp, greenApp)).filter((each) => each.endsWith('drained'))).toHaveLength(
        3,
      );
      expect(await countNames(servicePort)).toEqual({ green: 30 });
      await serve(greenApp);
      expect(await countNames(servicePort)).toEqual({ green: 30 });
    });

    it('split the traffic where NEW_INSTANCES says so', async () => {
      const green = { HAPROXY_DEPLOYMENT_NEW_INSTANCES: '1' };
      const { blueApp, greenApp } = await colours({ greens: 1, blues: 2, green });
      expect(ofGroup(await serve(blueApp, greenApp))).toEqual([
        'nginx-blue.0',
        'nginx-blue.1',
        'nginx-green.0',
      ]);
    });

    it('are reached one by one by their ids, so that the new one can be tried first', async () => {
      const { blueApp, greenApp } = await colours({ greens: 1 });
      const { services } = await serve(blueApp, greenApp);
      expect(
        services.map(({ appId, hosts, servicePort }) => [appId, hosts.length, servicePort !== undefined]),
      ).toEqual([
        ['/nginx', 1, true],
        ['/nginx-blue', 0, false],
        ['/nginx-green', 0, false],
      ]);
      expect(seenBy(await ask({ port, path: '/_app/nginx-green/x' }))).toMatchObject({
        name: 'green',
        url: '/x',
      });
    });

    it('are not merged under the id of an app that is none of them', async () => {
      const { blueApp, greenApp } = await colours({ greens: 1 });
      const other = anApp('/nginx', {});
      expect(tableOf(blueApp, greenApp, other).services.map(({ appId }) => appId)).toEqual([
        '/nginx',
        '/nginx-blue',
        '/nginx-green',
      ]);
      // both are told: whose id is in the way, and who is not merged
      expect(warningsOf(blueApp, other)).toEqual([
        expect.stringMatching(/its id is also the deployment group of \/nginx-blue/),
        expect.stringMatching(/nothing is merged, for \/nginx/),
      ]);
    });
  });
});
