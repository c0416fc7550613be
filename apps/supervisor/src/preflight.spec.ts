import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError, readConfiguration, type Settings } from '#libs/configuration';
import { sayListeners } from './listeners.js';
import { UP_OPTIONS } from './options.js';
import { checkPorts, checkPrograms, checkSettings } from './preflight.js';

const read = (...argv: string[]): Settings => readConfiguration(UP_OPTIONS, { argv, env: {} });
const all = { controlPlane: true, proxy: true };

const open: (Server | Socket)[] = [];
afterEach(() => open.splice(0).forEach((each) => each.close()));

/** A port that somebody has. */
async function taken(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
async function free(): Promise<number> {
  const port = await taken();
  const server = open.pop() as Server;
  await new Promise((done) => server.close(done));
  return port;
}

describe('what longrun up checks before it starts', () => {
  it('no two ports are the same, and none is inside a range', () => {
    const refused = (argv: string[], why: RegExp): void =>
      expect(() => checkSettings(read(...argv))).toThrow(why);
    refused(['--proxy-port', '8080'], /--api-port and --proxy-port must differ/);
    refused(['--dns-port', '8001'], /--proxy-admin-port and --dns-port must differ \(both are 8001\)/);
    refused(['--proxy-admin-port', '10001'], /--proxy-admin-port 10001 lies inside --service-ports/);
    checkSettings(read('--proxy-admin-port', '0', '--dns-port', '8001'));
  });

  it('a taken port is refused by its option, that of admin is done without', async () => {
    const port = String(await taken());
    const ports = ['--api-port', String(await free()), '--proxy-port', String(await free())];
    const settings = read(...ports, '--proxy-admin-port', port);
    const missing = await checkPorts(settings, all);
    expect([...missing]).toEqual([
      ['--proxy-admin-port', expect.stringMatching(/is taken by another process; .* or 0 for none/)],
    ]);
    expect(await checkPorts(settings, { ...all, proxy: false })).toEqual(new Map());
    const dns = read(...ports, '--proxy-admin-port', '0', '--dns-port', port);
    await expect(checkPorts(dns, all)).rejects.toThrow(/\(--dns-port\) is taken .*choose another/);
  });

  it('a port of DNS that is taken for UDP alone is refused as well', async () => {
    const socket = createSocket('udp4');
    open.push(socket);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const port = String(socket.address().port);
    const others = ['--api-port', String(await free()), '--proxy-port', String(await free())];
    const settings = read(...others, '--proxy-admin-port', '0', '--dns-port', port);
    await expect(checkPorts(settings, all)).rejects.toThrow(/--dns-port/);
  });
});

describe('the HAProxy that is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-preflight-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Prints that. */
  const program = (name: string, prints: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\nprintf '${prints}\\n'\n`, { mode: 0o755 });
    return path;
  };
  const check = (path: string, engine = 'haproxy'): Promise<void> =>
    checkPrograms(read('--engine', engine, '--haproxy-program', path));

  it('is looked at before anything starts, and one that cannot serve is named with the option and what to do', async () => {
    const wrong = [
      ['/nope', 'is not there'],
      ['/bin/true', 'is not HAProxy'],
      [folder, 'may not be run'],
      [program('old', 'HA-Proxy version 2.3.21 2022/07/27'), 'is HAProxy 2.3, which is too old'],
    ] as const;
    for (const [path, why] of wrong) {
      const refused = await check(path).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(ConfigurationError);
      expect(String(refused)).toContain(`--haproxy-program ${path} ${why}`);
      expect(String(refused)).toMatch(
        /; install HAProxy 2\.4 or newer, name it with --haproxy-program, or use --engine builtin$/,
      );
    }
    await check(program('good', 'HAProxy version 2.4.0 2021/05/14'));
    // not asked
    await check('/nope', 'builtin');
  });
});

it('addresses that answer are named with what they are for, others with where to look', async () => {
  const [main, admin, dns] = [await taken(), await taken(), await free()];
  const settings = read(
    ...['--proxy-port', `${main}`, '--proxy-admin-port', `${admin}`, '--dns-port', `${dns}`],
  );
  const lines: string[] = [];
  await sayListeners(settings, new Set(['--proxy-admin-port']), (line) => lines.push(line));
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^proxy: http://127\\.0\\.0\\.1:${main}  apps by`)),
    expect.stringMatching(/^proxy: 127\.0\.0\.1:10000-20000 {2}service ports/),
    expect.stringMatching(new RegExp(`^warning: nothing listens at 127\\.0\\.0\\.1:${dns} \\(--dns-port\\)`)),
  ]);
}, 20_000);
