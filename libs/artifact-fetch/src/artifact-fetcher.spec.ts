// Real archives, real servers, real disks: what arrives in a sandbox, and what is left of it when that fails.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PullProgress } from '#libs/runtime';
import { until } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { craftedTar, pack, plantTree } from './archives.testing.js';
import type { CraftedEntry } from './archives.testing.js';
import { ArtifactFetcher } from './artifact-fetcher.js';
import type { SandboxWish } from './artifact-fetcher.js';

jest.setTimeout(60_000);
const never = new AbortController().signal;
let folder: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-fetch-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

const at = (...path: string[]): string => join(folder, ...path);
const fetcher = (more = {}): ArtifactFetcher =>
  new ArtifactFetcher({ cacheFolder: at('cache'), clock: new SystemClock(), ...more });
const wish = (items: object[], more: Partial<SandboxWish> = {}): SandboxWish => ({
  items: items.map((item) => ({ uri: '', extract: true, executable: false, cache: false, ...item })),
  ...{ sandbox: at('sandboxes', 'task'), workFolder: at('work'), mode: 0o755, diskMib: 0 },
  ...more,
});
const fill = (items: object[], more: Partial<SandboxWish> = {}, signal = never) =>
  fetcher().fill(wish(items, more), () => undefined, signal);
const inSandbox = (...path: string[]): string => readFileSync(at('sandboxes', 'task', ...path), 'utf8');
const nothingIsLeft = (): void => {
  expect(existsSync(at('sandboxes', 'task'))).toBe(false);
  expect(existsSync(at('work')) ? readdirSync(at('work')) : []).toEqual([]);
};

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('archives', () => {
  it.each(['x.tar', 'x.tar.gz', 'x.tgz', 'x.tar.bz2', 'x.tbz2', 'x.tar.xz', 'x.txz', 'x.zip'])(
    'unpacks %s: long names, modes and links; the archive stays',
    async (name) => {
      const long = plantTree(folder);
      pack(folder, name);
      await fill([{ uri: at(name) }]);
      expect(execFileSync(at('sandboxes', 'task', 'pack', 'run'), { encoding: 'utf8' })).toBe('it runs\n');
      expect(inSandbox('pack', 'link')).toBe('words');
      expect(inSandbox('pack', 'deep', long)).toBe('words');
      expect(existsSync(at('sandboxes', 'task', name))).toBe(true);
    },
  );

  it('unpacks a single gzip file beside itself, and leaves what it is told not to unpack', async () => {
    writeFileSync(at('words'), 'many words');
    execFileSync('gzip', ['-k', at('words')]);
    await fill([
      { uri: `file://${at('words.gz')}` },
      { uri: at('words.gz'), extract: false, destPath: 'kept/w.gz' },
    ]);
    expect(inSandbox('words')).toBe('many words');
    expect(readdirSync(at('sandboxes', 'task', 'kept'))).toEqual(['w.gz']);
  });

  it('makes what is executable executable, and does not unpack it', async () => {
    plantTree(folder);
    pack(folder, 'x.tgz');
    await fill([{ uri: at('x.tgz'), executable: true }]);
    expect(readdirSync(at('sandboxes', 'task'))).toEqual(['x.tgz']);
    expect(statSync(at('sandboxes', 'task', 'x.tgz')).mode & 0o777).toBe(0o755);
  });

  it('drops set-user-id and the right of others to write', async () => {
    writeFileSync(at('x.tar'), craftedTar([{ path: 'tool', mode: 0o6777, content: 'x' }]));
    await fill([{ uri: at('x.tar') }]);
    expect(statSync(at('sandboxes', 'task', 'tool')).mode & 0o7777).toBe(0o755);
  });

  const outside = 'outside of the sandbox';
  it.each<[string, CraftedEntry[], string]>([
    ['an absolute name', [{ path: '/tmp/longrun-evil' }], outside],
    ['.. in a name', [{ path: 'a/../../evil' }], outside],
    ['a link to an absolute path', [{ path: 'l', type: '2', link: '/etc' }], outside],
    ['a link above', [{ path: 'd/l', type: '2', link: '../../x' }], outside],
    [
      'a link that climbs by way of another',
      [
        { path: 'a/b/c', type: '2', link: '../..' },
        { path: 't', type: '2', link: 'a/b/c/..' },
      ],
      outside,
    ],
    [
      'a file below a link',
      [{ path: 'd', type: '5' }, { path: 'l', type: '2', link: 'd' }, { path: 'l/x' }],
      'passes through a link',
    ],
    ['a hard link outside', [{ path: 'h', type: '1', link: '../../etc/passwd' }], outside],
    ['a hard link to an absolute path', [{ path: 'h', type: '1', link: '/etc/passwd' }], outside],
    [
      'a hard link to a link',
      [
        { path: 'l', type: '2', link: 'x' },
        { path: 'h', type: '1', link: 'l' },
      ],
      'no file of it',
    ],
    ['a device', [{ path: 'sda', type: '4' }], 'neither a file'],
    ['a pipe', [{ path: 'fifo', type: '6' }], 'neither a file'],
    ['an unknown type', [{ path: 'x', type: 'S' }], 'neither a file'],
    ['the output of the task', [{ path: './stdout', content: 'x' }], "task's stdout"],
  ])('refuses %s, and leaves nothing', async (_what, entries, words) => {
    writeFileSync(at('x.tar'), craftedTar([{ path: 'first', content: 'x' }, ...entries]));
    const failure = fill([{ uri: at('x.tar') }]);
    await expect(failure).rejects.toMatchObject({ kind: 'rejected', reason: 'invalid' });
    await expect(failure).rejects.toThrow(words);
    nothingIsLeft();
    expect(existsSync('/tmp/longrun-evil')).toBe(false);
  });

  it('refuses a zip that leaves the sandbox', async () => {
    writeFileSync(
      at('make.py'),
      `import zipfile\nz = zipfile.ZipFile('x.zip', 'w')\nz.writestr('../evil', 'x')\nz.close()\n`,
    );
    execFileSync('python3', ['make.py'], { cwd: folder });
    await expect(fill([{ uri: at('x.zip') }])).rejects.toThrow(outside);
    nothingIsLeft();
  });

  it('never writes through a link that an earlier archive brought', async () => {
    writeFileSync(
      at('one.tar'),
      craftedTar([
        { path: 'd/', type: '5' },
        { path: 'l', type: '2', link: 'd' },
      ]),
    );
    writeFileSync(at('two.tar'), craftedTar([{ path: 'l/x', content: 'x' }]));
    await expect(fill([{ uri: at('one.tar') }, { uri: at('two.tar') }])).rejects.toThrow(
      'passes through a link',
    );
    await expect(fill([{ uri: at('one.tar') }, { uri: at('two.tar'), destPath: 'l/two' }])).rejects.toThrow(
      'below a link',
    );
    nothingIsLeft();
  });

  it.each([
    ['x.tgz', 'no archive at all'],
    ['x.zip', 'no archive at all'],
    ['x.tar', 'no archive at all'],
    ['x.tar.xz', 'no archive at all'],
    ['x.tar', ''],
  ])('says that %s is damaged', async (name, content) => {
    writeFileSync(at(name), content);
    const failure = fill([{ uri: at(name) }]);
    await expect(failure).rejects.toMatchObject({
      reason: 'invalid',
      message: expect.stringContaining('cannot be unpacked'),
    });
    nothingIsLeft();
  });

  it.each(['x.tar', 'x.tgz', 'x.tar.xz', 'x.zip'])('refuses a %s that breaks off', async (name) => {
    plantTree(folder);
    writeFileSync(
      at('pack', 'noise'),
      Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i * 31) % 251)),
    );
    pack(folder, name);
    const whole = readFileSync(at(name));
    writeFileSync(at(name), whole.subarray(0, whole.length / 2));
    await expect(fill([{ uri: at(name) }])).rejects.toMatchObject({ reason: 'invalid' });
    nothingIsLeft();
  });

  it('stops a bomb at the disk of the app', async () => {
    execFileSync('sh', ['-c', 'mkdir pack && head -c 64m /dev/zero > pack/zeros'], { cwd: folder });
    for (const name of ['x.tgz', 'x.zip']) {
      pack(folder, name);
      const failure = fill([{ uri: at(name) }], { diskMib: 8 });
      await expect(failure).rejects.toMatchObject({
        reason: 'invalid',
        message: expect.stringContaining('8 MiB'),
      });
      await expect(failure).rejects.toThrow('disk');
      nothingIsLeft();
    }
  });
});

describe('files of the agent', () => {
  it('belong to whom they are for, links too', async () => {
    if (process.getuid?.() !== 0) return;
    plantTree(folder);
    pack(folder, 'x.tar');
    await fill([{ uri: at('x.tar') }], { owner: { uid: 65_534, gid: 65_534 } });
    for (const path of ['.', 'pack', 'pack/run', 'pack/link']) {
      expect(lstatSync(at('sandboxes', 'task', path)).uid).toBe(65_534);
    }
  });

  it.each([
    ['/no/such/file', 'does not exist on this agent'],
    ['/proc', 'is a folder'],
    ['/dev/null', 'no ordinary file'],
  ])('says why %s cannot be had', async (uri, words) => {
    await expect(fill([{ uri }])).rejects.toThrow(words);
    nothingIsLeft();
  });

  it('does not wait for somebody to write into a pipe', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    // opens the other end after 3 s, for nothing else ends a thread that waits all the same
    const writer = spawn('python3', [
      '-c',
      'import sys, time; time.sleep(3); open(sys.argv[1], "r+")',
      at('pipe'),
    ]);
    const begun = performance.now();
    await expect(fill([{ uri: at('pipe') }])).rejects.toThrow('no ordinary file');
    expect(performance.now() - begun).toBeLessThan(3_000);
    writer.kill();
  });

  it('says that the disk is full, and tries again another time', async () => {
    if (process.getuid?.() !== 0) return;
    mkdirSync(at('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at('small')]);
    try {
      writeFileSync(at('big'), Buffer.alloc(2_000_000));
      const failure = fill([{ uri: at('big') }], {
        workFolder: at('small', 'work'),
        sandbox: at('small', 'task'),
      });
      await expect(failure).rejects.toMatchObject({
        kind: 'temporary',
        message: expect.stringContaining('no space left'),
      });
      expect(readdirSync(at('small', 'work'))).toEqual([]);
    } finally {
      execFileSync('umount', [at('small')]);
    }
  });
});

describe('downloads', () => {
  it('follows redirects, five at most, and keeps the bytes as they are sent', async () => {
    const url = await serve((request, response) => {
      const left = Number(request.url?.slice(1) ?? 0);
      if (left > 0) return response.writeHead(302, { location: `/${left - 1}` }).end();
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not really gzip');
    });
    await fill([{ uri: `${url}/5`, destPath: 'x' }]);
    expect(inSandbox('x')).toBe('not really gzip');
    rmSync(at('sandboxes'), { recursive: true });
    await expect(fill([{ uri: `${url}/6` }])).rejects.toThrow('redirects more than 5 times');
    const trap = await serve((_, response) =>
      response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    );
    await expect(fill([{ uri: `${trap}/x` }])).rejects.toThrow("scheme 'file'");
  });

  it('sends the credentials of the uri, and never tells them', async () => {
    const url = await serve((request, response) => {
      const isKnown = request.headers.authorization === `Basic ${btoa('me:sesame')}`;
      response.writeHead(isKnown ? 200 : 401).end('words');
    });
    const withUser = (user: string): string => url.replace('://', `://${user}@`);
    await fill([{ uri: `${withUser('me:sesame')}/x?token=tulip` }]);
    expect(inSandbox('x')).toBe('words');
    rmSync(at('sandboxes'), { recursive: true });
    const failure = fill([{ uri: `${withUser('me:wrong-sesame')}/x?token=tulip` }]);
    await expect(failure).rejects.toMatchObject({
      kind: 'temporary',
      message: expect.stringContaining('answered 401'),
    });
    await expect(failure).rejects.not.toThrow(/sesame|tulip/);
  });

  it('says that there is no such file, and that nobody listens', async () => {
    const url = await serve((_, response) => response.writeHead(404).end());
    await expect(fill([{ uri: `${url}/gone.tgz` }])).rejects.toMatchObject({
      kind: 'temporary',
      message: expect.stringContaining(`${url}/gone.tgz answered 404: there is no such file`),
    });
    await expect(fill([{ uri: 'http://127.0.0.1:1/x' }])).rejects.toMatchObject({
      kind: 'temporary',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    nothingIsLeft();
  });

  it('refuses a body that breaks off, with and without a length', async () => {
    const url = await serve((request, response) => {
      response.writeHead(200, request.url === '/known' ? { 'content-length': '100' } : {});
      response.write('half');
      setImmediate(() => response.destroy());
    });
    for (const path of ['/known', '/unknown']) {
      await expect(fill([{ uri: `${url}${path}` }])).rejects.toMatchObject({ kind: 'temporary' });
    }
    nothingIsLeft();
  });

  it('gives up a server that falls silent, before the answer or in the middle', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/middle') response.write('some');
    });
    for (const path of ['/mute', '/middle']) {
      const failure = fetcher({ silenceMs: 300 }).fill(
        wish([{ uri: `${url}${path}` }]),
        () => undefined,
        never,
      );
      await expect(failure).rejects.toMatchObject({
        kind: 'temporary',
        message: expect.stringContaining('sent no byte for 0.3 s'),
      });
    }
    nothingIsLeft();
  });

  it('is patient with a slow server, and tells how far it is', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '10' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write('x');
        if ((sent += 1) === 10) clearInterval(timer);
      }, 150);
    });
    const told: PullProgress[] = [];
    await fetcher({ silenceMs: 1_000 }).fill(
      wish([{ uri: `${url}/slow` }]),
      (pull) => told.push(pull),
      never,
    );
    expect(told[0]).toEqual({ doneBytes: 1, totalBytes: 10, text: `fetching ${url}/slow` });
    expect(told.length).toBeGreaterThan(1);
    expect(inSandbox('slow')).toBe('x'.repeat(10));
  });

  it('ends at once when it is cancelled', async () => {
    let closed = false;
    const url = await serve((_, response) => {
      response.write('some');
      response.on('close', () => (closed = true));
    });
    const aborter = new AbortController();
    const failure = fill([{ uri: `${url}/x` }], {}, aborter.signal);
    failure.catch(() => undefined);
    await until('the first bytes', () => existsSync(at('work')) && readdirSync(at('work')).length);
    aborter.abort(new Error('cancelled'));
    await expect(failure).rejects.toThrow('cancelled');
    await until('the server to notice', () => closed);
    nothingIsLeft();
  });

  it('refuses what is larger than the disk of the app before it is loaded', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(200, { 'content-length': '99000000' }).write('x'),
    );
    await expect(fill([{ uri: `${url}/x` }], { diskMib: 1 })).rejects.toThrow('1 MiB');
    nothingIsLeft();
  });
});

describe('the cache', () => {
  it('loads once for many at once and for later ones, and unpacks without the archive', async () => {
    plantTree(folder);
    pack(folder, 'x.tgz');
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      response.end(readFileSync(at('x.tgz')));
    });
    const one = fetcher();
    const get = (name: string, item = {}): Promise<void> =>
      one.fill(
        wish([{ uri: `${url}/x.tgz`, cache: true, ...item }], { sandbox: at('sandboxes', name) }),
        () => undefined,
        never,
      );
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => get(name)));
    await get('e', { extract: false });
    expect(requests).toBe(1);
    expect(readdirSync(at('sandboxes', 'd'))).toEqual(['pack']);
    expect(readdirSync(at('sandboxes', 'e'))).toEqual(['x.tgz']);
    await fetcher().fill(wish([{ uri: `${url}/x.tgz`, cache: true }]), () => undefined, never);
    expect(requests).toBe(1);
  });

  it('goes on for the others when one is cancelled, and ends with the last of them', async () => {
    let go = (): void => undefined;
    let closed = 0;
    const url = await serve((_, response) => {
      response.write('some ');
      response.on('close', () => (closed += 1));
      go = () => response.end('words');
    });
    const one = fetcher();
    const aborters = [new AbortController(), new AbortController(), new AbortController()];
    const get = (index: number, path: string): Promise<void> =>
      one.fill(
        wish([{ uri: `${url}${path}`, cache: true }], { sandbox: at('sandboxes', String(index)) }),
        () => undefined,
        aborters[index]?.signal ?? never,
      );
    const [first, second] = [get(0, '/x'), get(1, '/x')];
    first.catch(() => undefined);
    await until('both to wait', () => existsSync(at('cache')) && readdirSync(at('work')).length === 2);
    aborters[0]?.abort(new Error('cancelled'));
    await expect(first).rejects.toThrow('cancelled');
    go();
    await second;
    expect(readFileSync(at('sandboxes', '1', 'x'), 'utf8')).toBe('some words');
    closed = 0;
    const third = get(2, '/y');
    third.catch(() => undefined);
    await until('a part', () => readdirSync(at('cache')).some((name) => name.includes('.part')));
    aborters[2]?.abort(new Error('cancelled'));
    await expect(third).rejects.toThrow('cancelled');
    await until('the end of the download', () => closed === 1 && readdirSync(at('cache')).length === 1);
  });

  it('stays within its bound, and gives up what was not used for longest', async () => {
    let requests: string[] = [];
    const url = await serve((request, response) => {
      requests.push(request.url ?? '');
      response.end(Buffer.alloc(700_000));
    });
    const one = fetcher({ cacheMib: 1.5 });
    const get = async (path: string): Promise<void> => {
      rmSync(at('sandboxes'), { recursive: true, force: true });
      await one.fill(wish([{ uri: `${url}${path}`, cache: true }]), () => undefined, never);
    };
    for (const path of ['/a', '/b', '/a', '/c']) await get(path);
    requests = [];
    for (const path of ['/a', '/c', '/b']) await get(path);
    expect(requests).toEqual(['/b']);
    const small = fetcher({ cacheMib: 0.5 }).fill(
      wish([{ uri: `${url}/d`, cache: true }], { sandbox: at('d') }),
      () => undefined,
      never,
    );
    await expect(small).rejects.toThrow('--fetch-cache');
  });

  it('never takes what a killed agent left for whole', async () => {
    const url = await serve((_, response) => response.end('words'));
    await fetcher().fill(wish([{ uri: `${url}/x`, cache: true }]), () => undefined, never);
    const [key = ''] = readdirSync(at('cache'));
    writeFileSync(at('cache', `${key}.part7`), 'wo');
    rmSync(at('cache', key));
    rmSync(at('sandboxes'), { recursive: true });
    await fetcher().fill(wish([{ uri: `${url}/x`, cache: true }]), () => undefined, never);
    expect(inSandbox('x')).toBe('words');
    expect(readdirSync(at('cache'))).toEqual([key]);
  });
});
