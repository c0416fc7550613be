// What HAProxy comes back from, and what our side of it does: reloads that take long, disks that are full, files that are refused, and runs
// of ours that were killed.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HaproxyEngine, type HaproxyEngineOptions } from '#libs/haproxy-engine';
import type { RouteService } from '#libs/routing';
import { ask, aService, aTable, aTarget, freePort, listen, selfSigned, until } from '#libs/testkit';
import { SystemClock, type Clock, type Timer } from '#libs/time';

const describeHere = spawnSync('haproxy', ['-v']).status === 0 ? describe : describe.skip;
const itWithDisk = canMount() ? it : it.skip;

/** Of a run of ours that can be killed with -9: then nothing of it happens any more. */
class MortalClock implements Clock {
  readonly #clock = new SystemClock();
  readonly #timers = new Set<Timer>();
  #ahead = 0;
  #isDead = false;
  /** How often it was looked at. */
  looks = 0;
  /** How many timers of so many ms have ended. */
  readonly ended = new Map<number, number>();

  now(): number {
    this.looks += 1;
    return this.#clock.now() + this.#ahead;
  }
  after(delayMs: number, callback: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined };
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      this.ended.set(delayMs, (this.ended.get(delayMs) ?? 0) + 1);
      callback();
    });
    this.#timers.add(timer);
    return timer;
  }
  /** So much time has gone by at once. */
  skip(ms: number): void {
    this.#ahead += ms;
  }
  kill(): void {
    this.#isDead = true;
    for (const timer of this.#timers) timer.cancel();
  }
}

describeHere('HAProxy comes back', () => {
  let folder: string;
  let at: string;
  let port: number;
  let backend: Server;
  let service: RouteService;
  let engines: HaproxyEngine[];
  let servers: Server[];
  let notices: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
    at = join(folder, 'engine');
    mkdirSync(at);
    port = await freePort();
    backend = createServer((_req, res) => res.end('hello'));
    [engines, servers, notices] = [[], [backend], []];
    service = aService([], { mode: 'http', emptyReason: '', targets: [aTarget('a', await listen(backend))] });
  });
  afterEach(async () => {
    for (const engine of engines) await engine.stop(0);
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    spawnSync('umount', ['-l', at]);
    rmSync(folder, { recursive: true, force: true });
  });

  const newEngine = (more: Partial<HaproxyEngineOptions> = {}): HaproxyEngine =>
    new HaproxyEngine({
      ...{ clock: new SystemClock(), bind: '127.0.0.1', port, appPaths: false, folder: at, threads: 2 },
      onNotice: (text) => notices.push(text),
      ...more,
    });
  const startedEngine = async (more: Partial<HaproxyEngineOptions> = {}): Promise<HaproxyEngine> => {
    const engine = newEngine(more);
    engines.push(engine);
    await engine.start();
    return engine;
  };
  const withHost = (number: number, host: string): ReturnType<typeof aTable> =>
    aTable(number, { ...service, hosts: ['web.example', host] });
  const get = (host = 'web.example'): Promise<string> =>
    ask({ port, headers: { host } }).then(({ status, text }) => (status === 200 ? text : String(status)));
  const masterPid = (): number =>
    (JSON.parse(readFileSync(join(at, 'haproxy.json'), 'utf8')) as { pid: number }).pid;
  /** Common name of who answers on that port for that name. */
  const named = (tlsPort: number, servername: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: tlsPort, servername, rejectUnauthorized: false },
        () => {
          const { subject, serialNumber } = socket.getPeerCertificate();
          resolve(`${subject.CN} ${serialNumber}`);
          socket.destroy();
        },
      ).once('error', reject);
    });

  const tlsOf = async (
    pem: string,
  ): Promise<{ file: string; tls: NonNullable<HaproxyEngineOptions['tls']> }> => {
    const file = join(folder, 'web.pem');
    writeFileSync(file, pem);
    return { file, tls: { port: await freePort(), certificates: [file] } };
  };

  it('waits for a reload that takes most of a minute, once, and serves by the worker before meanwhile', async () => {
    const [gate, reloads] = [join(folder, 'gate'), join(folder, 'reloads')];
    const slow = join(folder, 'haproxy-slow');
    // the master of HAProxy runs itself anew for a reload, and again to wait when it is done
    const wait = `if [ -n "$HAPROXY_MWORKER_REEXEC" -a -z "$HAPROXY_MWORKER_WAIT_ONLY" ]; then echo >>${reloads}; while [ ! -e ${gate} ]; do sleep 0.05; done; fi`;
    writeFileSync(slow, `#!/bin/bash\n${wait}\nexec -a "$0" haproxy "$@"\n`, { mode: 0o755 });
    const clock = new MortalClock();
    const engine = await startedEngine({ program: slow, clock });
    writeFileSync(gate, '');
    await engine.swap(aTable(1, service));
    rmSync(gate);
    const swapped = engine.swap(withHost(2, 'new.example'));
    await until('the reload', () => readFileSync(reloads, 'utf8').length === 2);
    clock.skip(45_000);
    const { looks } = clock;
    await until('it to have looked at the time', () => clock.looks > looks + 5);
    expect(await get()).toBe('hello');
    writeFileSync(gate, '');
    await swapped;
    expect(await get('new.example')).toBe('hello');
    expect([notices, engine.warnings()]).toEqual([[], []]);
    expect(readFileSync(reloads, 'utf8')).toHaveLength(2);
  }, 60_000);

  itWithDisk(
    'writes certificates again that found no room on the disk, when there is some',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', at]);
      const { file, tls } = await tlsOf(selfSigned(['old.example']).pem);
      const engine = await startedEngine({ tls });
      await engine.swap(aTable(1, service));
      const filler = join(at, 'filler');
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k', 'count=4096'], { stdio: 'ignore' });
      writeFileSync(file, selfSigned(['new.example']).pem);
      await until('a word of it', () => /ENOSPC/.test(engine.warnings().join()));
      expect(await named(tls.port, 'any.example')).toMatch(/^old\.example/);
      rmSync(filler);
      await until('the new one', async () =>
        (await named(tls.port, 'any.example')).startsWith('new.example'),
      );
      await until('no word of it', () => engine.warnings().length === 0);
      expect(await get()).toBe('hello');
    },
    60_000,
  );

  it('serves by the certificate before when HAProxy refuses the one that was put in its place', async () => {
    const { file, tls } = await tlsOf(selfSigned(['web.example']).pem);
    const engine = await startedEngine({ tls });
    await engine.swap(aTable(1, service));
    const before = await named(tls.port, 'web.example');
    writeFileSync(file, selfSigned(['web.example'], undefined, 'prime192v1').pem);
    const refused = /web\.pem is refused by HAProxy.*; the old one stays in use$/;
    await until('a word of it', () => engine.warnings().some((text) => refused.test(text)));
    expect(await named(tls.port, 'web.example')).toBe(before);
    await engine.swap(withHost(2, 'new.example'));
    expect(engine.warnings()).toEqual([expect.stringMatching(refused)]);
    expect([await get('new.example'), await named(tls.port, 'web.example')]).toEqual(['hello', before]);
  }, 60_000);

  it('serves by the certificate before also when the one that HAProxy refuses came while it did not run', async () => {
    const { file, tls } = await tlsOf(selfSigned(['web.example']).pem);
    const first = await startedEngine({ tls });
    const before = await named(tls.port, 'web.example');
    await first.stop(0);
    writeFileSync(file, selfSigned(['web.example'], undefined, 'prime192v1').pem);
    const engine = await startedEngine({ tls });
    expect(engine.warnings()).toEqual([
      expect.stringMatching(/web\.pem is refused by HAProxy.*; the old one stays in use$/),
    ]);
    expect(await named(tls.port, 'web.example')).toBe(before);
  }, 60_000);

  it('sees a certificate that was renewed while HAProxy started', async () => {
    const { file, tls } = await tlsOf(selfSigned(['old.example']).pem);
    const renewed = join(folder, 'renewed.pem');
    writeFileSync(renewed, selfSigned(['new.example']).pem);
    const renewing = join(folder, 'haproxy-renewing');
    // when the configuration with the old one is tried
    const renew = `if [ "$1" = -c -a -e ${renewed} ]; then mv ${renewed} ${file}; fi`;
    writeFileSync(renewing, `#!/bin/sh\n${renew}\nexec haproxy "$@"\n`, { mode: 0o755 });
    const engine = await startedEngine({ tls, program: renewing });
    await until('the new one', async () => (await named(tls.port, 'any.example')).startsWith('new.example'));
    expect(engine.warnings()).toEqual([]);
  }, 60_000);

  it('leaves a HAProxy of a run before as it is while there is no table, whatever becomes of certificates and its socket', async () => {
    const { file, tls } = await tlsOf(selfSigned(['old.example']).pem);
    const [before, clock] = [new MortalClock(), new MortalClock()];
    const first = newEngine({ tls, clock: before });
    await first.start();
    await first.swap(aTable(1, service));
    before.kill();
    const next = await startedEngine({ tls, clock });
    engines.push(first);
    writeFileSync(file, selfSigned(['new.example']).pem);
    rmSync(join(at, 'master.sock'));
    // each of both looks is at it a second time
    await until('it to have been looked at', () => (clock.ended.get(2_000) ?? 0) >= 5);
    expect([await get(), await named(tls.port, 'any.example')]).toEqual([
      'hello',
      expect.stringMatching(/^old\.example/),
    ]);
    await next.swap(withHost(2, 'new.example'));
    await until('the new one', async () => (await named(tls.port, 'any.example')).startsWith('new.example'));
    expect(await get('new.example')).toBe('hello');
    await until('no warning', () => next.warnings().length === 0);
  }, 60_000);

  it('keeps the last certificates of a run before that was killed, though all files are gone by now, and says so', async () => {
    const certificates = join(folder, 'certificates');
    mkdirSync(certificates);
    for (const name of ['a', 'b'])
      writeFileSync(join(certificates, `${name}.pem`), selfSigned([`${name}.example`]).pem);
    const tls = { port: await freePort(), certificates: [certificates] };
    const nextRun = async (): Promise<{ engine: HaproxyEngine; clock: MortalClock }> => {
      const clock = new MortalClock();
      const engine = newEngine({ tls, clock });
      // the run that HAProxy belongs to ends it
      engines.unshift(engine);
      await engine.start();
      return { engine, clock };
    };
    const both = (): Promise<string[]> =>
      Promise.all(['any.example', 'b.example'].map((name) => named(tls.port, name)));
    const first = await nextRun();
    await first.engine.swap(aTable(1, service));
    const before = await both();
    first.clock.kill();
    const gone = [expect.stringMatching(/\/a\.pem, .*\/b\.pem: gone or broken; the last one stays in use$/)];
    for (const name of ['a.pem', 'b.pem']) rmSync(join(certificates, name));
    const second = await nextRun();
    await second.engine.swap(withHost(2, 'new.example'));
    expect([await get('new.example'), await both(), second.engine.warnings()]).toEqual([
      'hello',
      before,
      gone,
    ]);
    second.clock.kill();
    rmSync(certificates, { recursive: true });
    const third = await nextRun();
    await third.engine.swap(withHost(3, 'newer.example'));
    expect([await get('newer.example'), await both()]).toEqual(['hello', before]);
    expect(third.engine.warnings()).toEqual([
      expect.stringMatching(/certificates cannot be read: ENOENT$/),
      ...gone,
    ]);
    mkdirSync(certificates);
    writeFileSync(join(certificates, 'c.pem'), selfSigned(['c.example']).pem);
    await until('the new one alone', async () =>
      (await both()).every((each) => each.startsWith('c.example')),
    );
    expect(third.engine.warnings()).toEqual([]);
  }, 60_000);

  it('serves by the table of now when HAProxy was stopped for a while, and says so only meanwhile', async () => {
    const other = createServer((_req, res) => res.end('other'));
    servers.push(other);
    const clock = new MortalClock();
    const engine = await startedEngine({ clock });
    await engine.swap(aTable(1, service));
    const pids = (): number[] => [
      masterPid(),
      ...execFileSync('ps', ['-o', 'pid=', '--ppid', String(masterPid())], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .map(Number),
    ];
    const signal = (what: 'SIGSTOP' | 'SIGCONT'): void => pids().forEach((pid) => process.kill(pid, what));
    const isSilent = (): boolean => /did not answer/.test(engine.warnings().join());
    signal('SIGSTOP');
    let isConfirmed = false;
    const table = aTable(2, { ...service, targets: [aTarget('b', await listen(other))] });
    const swapped = engine.swap(table).then(() => (isConfirmed = true));
    const looks = clock.ended.get(2_000) ?? 0;
    await until('time to go by', () => (clock.ended.get(2_000) ?? 0) > looks);
    expect(isConfirmed).toBe(false);
    signal('SIGCONT');
    await swapped;
    for (let turn = 0; turn < 4; turn += 1) expect(await get()).toBe('other');
    signal('SIGSTOP');
    await until('a word of it', isSilent);
    signal('SIGCONT');
    await until('no word of it', () => engine.warnings().length === 0);
    expect(await get()).toBe('other');
  }, 60_000);

  it('tells once why HAProxy cannot be started again, however often it is tried', async () => {
    const broken = join(folder, 'broken');
    const program = join(folder, 'haproxy-broken');
    const fail = `if [ -e ${broken} ]; then echo "no library" >&2; exit 127; fi`;
    writeFileSync(program, `#!/bin/sh\n${fail}\nexec haproxy "$@"\n`, { mode: 0o755 });
    const clock = new MortalClock();
    const engine = await startedEngine({ clock, program });
    await engine.swap(aTable(1, service));
    writeFileSync(broken, '');
    process.kill(masterPid(), 'SIGKILL');
    // before each try but the first
    await until('some tries', () => (clock.ended.get(500) ?? 0) >= 4);
    const said = ['HAProxy has ended and is started again', expect.stringMatching(/no library/)];
    expect(notices).toEqual(said);
    expect(engine.warnings()).toEqual(said);
    rmSync(broken);
    await until('no warning', () => engine.warnings().length === 0);
    expect(await get()).toBe('hello');
  }, 60_000);

  it('has an access log, counts and ejections again when it was taken over without a pipe for them, and has died', async () => {
    const bad = createServer((_req, res) => res.writeHead(503).end());
    servers.push(bad);
    const table = aTable(1, {
      ...service,
      targets: [...service.targets, aTarget('bad', await listen(bad))],
      policy: { balance: { by: 'round-robin' }, ejection: { ms: 60_000 } },
    });
    const clock = new MortalClock();
    const first = newEngine({ clock });
    await first.start();
    await first.swap(table);
    clock.kill();
    // as versions before had it
    rmSync(join(at, 'log.pipe'));
    const [told, counted]: [string[], string[]] = [[], []];
    const next = await startedEngine({
      accessLog: { share: 1, onEnded: ({ target, urlPath }) => told.push(`${target?.taskId} ${urlPath}`) },
      onCounted: (_service, to) => counted.push(to?.taskId ?? ''),
    });
    // for what it has open
    engines.push(first);
    await next.swap(table);
    expect(next.warnings()).toEqual([expect.stringMatching(/^the access log gets nothing, for HAProxy was/)]);
    const master = masterPid();
    process.kill(master, 'SIGKILL');
    await until('another master', () => masterPid() !== master);
    const isServed = (): Promise<boolean> =>
      get().then(
        (text) => text === 'hello',
        () => false,
      );
    await until('it to be served', isServed);
    await until('a target to be left out', async () => {
      await ask({ port, path: '/after' });
      return next.standings().some(({ taskId, leftOut }) => taskId === 'bad' && leftOut === 1);
    });
    await until('lines', () => ['a /after', 'bad /after'].every((line) => told.includes(line)));
    await until('counts', () => ['a', 'bad'].every((task) => counted.includes(task)));
    expect(next.warnings()).toEqual([]);
  }, 60_000);
});

function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'longrun-small-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', path]).status === 0;
  if (isMounted) spawnSync('umount', ['-l', path]);
  rmSync(path, { recursive: true, force: true });
  return isMounted;
}
