import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { selfSigned, until } from '#libs/testkit';
import { aService, aTable, ask, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe('the HTTPS port', () => {
  let folder: string;
  let engine: ProxyEngine;
  let port: number;
  let https: number;
  let notices: string[];
  let levels: (string | undefined)[];
  let backend: Server;
  let target: number;

  const put = (name: string, text: string): void => {
    // as certbot and cert-manager do: never half a file
    writeFileSync(join(folder, `.${name}.new`), text);
    renameSync(join(folder, `.${name}.new`), join(folder, name));
  };
  const start = async (certificates = [folder]): Promise<void> => {
    ({ engine, port } = await startEngine({
      tls: { port: 0, certificates },
      onNotice: (text, level) => {
        notices.push(text);
        levels.push(level);
      },
    }));
    https = engine.httpsPort ?? 0;
    await engine.swap(aTable(1, aService({ a: target })));
  };
  const handshake = (options: ConnectionOptions = {}): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port: https,
        servername: 'web.example',
        rejectUnauthorized: false,
        ...options,
      });
      socket.once('secureConnect', () => resolve(socket)).once('error', reject);
    });
  const servedName = async (servername: string): Promise<string> => {
    const socket = await handshake({ servername });
    const name = String(socket.getPeerCertificate().subject.CN);
    socket.destroy();
    return name;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-tls-'));
    notices = [];
    levels = [];
    backend = createServer((req, res) => {
      res.end(JSON.stringify({ headers: req.headers, version: req.httpVersion }));
    });
    target = await listen(backend);
    put('web.pem', selfSigned(['web.example', '*.web.example']).pem);
  });
  afterEach(async () => {
    await engine?.stop(0);
    backend.closeAllConnections();
    backend.close();
    rmSync(folder, { recursive: true });
  });

  it('serves HTTP/1.1 and HTTP/2 by ALPN, and tells the task that it was https', async () => {
    await start();
    const seen = await new Promise<{ headers: Record<string, string> }>((resolve, reject) => {
      const options = { port: https, rejectUnauthorized: false, headers: { host: 'web.example' } };
      request(options, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(JSON.parse(text) as never));
      })
        .on('error', reject)
        .end();
    });
    expect(seen.headers).toMatchObject({
      'x-forwarded-proto': 'https',
      'x-forwarded-port': String(https),
      'x-forwarded-for': '127.0.0.1',
      host: 'web.example',
    });
    const client = connectHttp2(`https://127.0.0.1:${https}`, { rejectUnauthorized: false });
    const stream = client.request({ ':path': '/', ':authority': 'web.example' });
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await until('the answer over HTTP/2', () => stream.closed);
    expect((JSON.parse(text) as typeof seen).headers).toMatchObject({ 'x-forwarded-proto': 'https' });
    client.destroy();
  });

  it.each(['h2', 'http/1.1'])('promises TLS over %s in its own answers, too', async (protocol) => {
    await start();
    const policy = { hsts: { maxAgeSeconds: 60 } };
    const answered = (): Promise<unknown> =>
      new Promise((resolve, reject) => {
        if (protocol === 'h2') {
          const client = connectHttp2(`https://127.0.0.1:${https}`, { rejectUnauthorized: false });
          const stream = client.request({ ':path': '/', ':authority': 'web.example' });
          stream.once('response', (head) => {
            resolve([head[':status'], head['strict-transport-security']]);
            client.destroy();
          });
          return stream.once('error', reject);
        }
        const options = { port: https, rejectUnauthorized: false, headers: { host: 'web.example' } };
        return request(options, ({ statusCode, headers }) =>
          resolve([statusCode, headers['strict-transport-security']]),
        )
          .once('error', reject)
          .end();
      });
    await engine.swap(aTable(2, aService({}, { policy })));
    expect(await answered()).toEqual([503, 'max-age=60']);
    await engine.swap(aTable(3, aService({ a: target }, { policy: { ...policy, allow: [] } })));
    expect(await answered()).toEqual([403, 'max-age=60']);
  });

  it('chooses by name: exact before wildcard, one label deep, else the first file', async () => {
    put('admin.pem', selfSigned(['admin.web.example']).pem);
    put('zz.pem', selfSigned(['zz.example']).pem);
    await start();
    expect(await servedName('web.example')).toBe('web.example');
    expect(await servedName('WEB.example')).toBe('web.example');
    expect(await servedName('x.web.example')).toBe('web.example');
    expect(await servedName('admin.web.example')).toBe('admin.web.example');
    expect(await servedName('zz.example')).toBe('zz.example');
    expect(await servedName('a.b.web.example')).toBe('admin.web.example');
    expect(await servedName('')).toBe('admin.web.example');
  });

  it('speaks TLS 1.2 and 1.3, nothing older, and no suite without forward secrecy', async () => {
    await start();
    const first = await handshake({ maxVersion: 'TLSv1.2' });
    expect([first.getProtocol(), first.getCipher().name]).toEqual([
      'TLSv1.2',
      expect.stringMatching(/^ECDHE-.*GCM/),
    ]);
    first.destroy();
    const second = await handshake();
    expect(second.getProtocol()).toBe('TLSv1.3');
    second.destroy();
    await expect(
      handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toThrow();
    await expect(handshake({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' })).rejects.toThrow();
  });

  it('resumes sessions, also after a renewal', async () => {
    await start();
    const first = await handshake({ maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    first.destroy();
    if (!session) throw new Error('no session');
    const again = await handshake({ maxVersion: 'TLSv1.2', session });
    expect(again.isSessionReused()).toBe(true);
    again.destroy();
    put('web.pem', selfSigned(['web.example']).pem);
    await until('the renewal', () => notices.length > 0);
    const later = await handshake({ maxVersion: 'TLSv1.2', session });
    expect(later.isSessionReused()).toBe(true);
    later.destroy();
  });

  it('takes over renewed, new and removed files without a restart; connections that stand go on', async () => {
    await start();
    const standing = await handshake();
    put('new.pem', selfSigned(['new.example']).pem);
    const { cert } = selfSigned(['unused.example']);
    const fresh = selfSigned(['web.example']);
    put('web.pem', fresh.pem);
    await until('the renewal', async () => {
      const socket = await handshake();
      const raw = socket.getPeerCertificate().raw.toString('base64');
      socket.destroy();
      return fresh.cert.replaceAll(/\s|-----[A-Z ]+-----/g, '') === raw;
    });
    expect(cert).toContain('BEGIN CERTIFICATE');
    expect(await servedName('new.example')).toBe('new.example');
    expect(notices).toEqual([expect.stringContaining('web.pem was renewed')]);
    expect(levels).toEqual(['info']);
    standing.write('GET / HTTP/1.1\r\nhost: web.example\r\n\r\n');
    await new Promise<void>((resolve) => standing.once('data', () => resolve()));
    standing.destroy();
    rmSync(join(folder, 'new.pem'));
    await until('the removal', async () => (await servedName('new.example')) === 'web.example');
  });

  it('keeps the old certificate when its file is broken or gone, and says which file, but nothing of it', async () => {
    await start();
    const before = await servedName('web.example');
    const { key, cert } = selfSigned(['web.example']);
    const other = selfSigned(['web.example']);
    const broken = [
      cert,
      key,
      `${cert}${other.key}`,
      `${cert}-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n`,
      `${cert}${key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE')}`,
      'secret',
    ];
    for (const [nth, text] of broken.entries()) {
      put('web.pem', text);
      await until(`notice ${nth}`, () => notices.length > nth);
      expect(await servedName('web.example')).toBe(before);
      expect(engine.warnings()).toEqual([expect.stringMatching(/web\.pem.*; the old one stays in use$/)]);
    }
    rmSync(join(folder, 'web.pem'));
    await until('the warning', () => engine.warnings().some((text) => text.includes('is gone')));
    expect(await servedName('web.example')).toBe(before);
    expect(JSON.stringify([notices, engine.warnings()])).not.toMatch(/c2VjcmV0|secret|MII|MHc/);
    put('web.pem', other.pem);
    await until('the renewal', () => engine.warnings().length === 0);
  });

  it('reads no pipe, no folder and no huge file, and goes on with the others', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.pem')]);
    mkdirSync(join(folder, 'folder.pem'));
    put('huge.pem', 'x'.repeat(1024 * 1024 + 1));
    await start();
    const problems = [
      'folder.pem is no regular file',
      'huge.pem has 1048577 bytes; certificates with their chain and key have at most 1048576',
      'pipe.pem is no regular file',
    ];
    expect(engine.warnings()).toEqual(problems.map((each) => expect.stringContaining(each)));
    const before = await servedName('web.example');
    // in the place of one that is in use
    rmSync(join(folder, 'web.pem'));
    execFileSync('mkfifo', [join(folder, 'web.pem')]);
    await until('the warning', () => engine.warnings().some((each) => each.includes('stays in use')));
    expect(await servedName('web.example')).toBe(before);
    put('web.pem', selfSigned(['web.example']).pem);
    await until('the renewal', () => engine.warnings().length === problems.length);
  });

  it('names the whole path of a file that is gone and whose certificate is left out', async () => {
    put('admin.pem', selfSigned(['admin.web.example']).pem);
    await start();
    rmSync(join(folder, 'admin.pem'));
    const text = `${join(folder, 'admin.pem')} is gone; its certificate is not used any more`;
    await until('the notice', () => notices.length > 0);
    expect(notices).toEqual([text]);
    expect(levels).toEqual([undefined]);
    expect(await servedName('admin.web.example')).toBe('web.example');
  });

  it('does not open without a certificate that can be used, and says why', async () => {
    await expect(start([join(folder, 'none')])).rejects.toThrow(
      /^--proxy-certs names .*none cannot be read: ENOENT/,
    );
    put('web.pem', 'x');
    await expect(start()).rejects.toThrow(/no certificate that can be used: .*web\.pem has no certificate/);
  });

  it('warns of certificates that expire soon or have expired', async () => {
    put('web.pem', selfSigned(['web.example'], 3_600_000).pem);
    put('old.pem', selfSigned(['old.example'], -3_600_000).pem);
    await start();
    expect(engine.warnings()).toEqual([
      expect.stringContaining('old.pem has expired on'),
      expect.stringContaining('web.pem expires on'),
    ]);
  });

  it('redirects to its own port a client that named the main port, and to 443 one that came through something in front', async () => {
    await start();
    await engine.swap(aTable(2, aService({ a: target }, { redirectToHttps: true })));
    const direct = await ask({ port, path: '/x', headers: { host: `web.example:${port}` } });
    expect(direct.headers.location).toBe(`https://web.example:${https}/x`);
    const mapped = await ask({ port, path: '/x' });
    expect(mapped.headers.location).toBe('https://web.example/x');
  });
});
