// The sandbox: what the app fetches is in it before the start, whole or not at all; and the account that the task runs as owns it.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FetchItem } from '#libs/model';
import type { PullProgress } from '#libs/runtime';
import { until } from '#libs/testkit';
import { FOREVER } from './bench.js';
import type { Bench } from './bench.js';

/** `nobody` on every Linux; a number, for an image may not know the name. */
const NOBODY = '65534';
const isRoot = process.geteuid?.() === 0;

/** Serves an archive, a program and a file that never ends. */
class FileServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'longrun-files-'));
  readonly #server: Server = createServer((request, response) => this.#answer(request.url ?? '', response));
  /** Answers to the endless file that are still open. */
  endless = 0;

  async open(): Promise<void> {
    mkdirSync(join(this.#folder, 'pack'));
    writeFileSync(join(this.#folder, 'pack', 'words'), 'from the archive\n');
    execFileSync('tar', ['-czf', 'pack.tgz', 'pack'], { cwd: this.#folder });
    writeFileSync(join(this.#folder, 'run'), '#!/bin/sh\necho "it runs"\n');
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  item(path: string, more: Partial<FetchItem> = {}): FetchItem {
    const { port } = this.#server.address() as AddressInfo;
    return {
      uri: `http://127.0.0.1:${port}/${path}`,
      extract: true,
      executable: false,
      cache: false,
      ...more,
    };
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #answer(url: string, response: ServerResponse): void {
    if (url === '/endless') {
      this.endless += 1;
      response.on('close', () => (this.endless -= 1));
      response.write('a beginning');
      return;
    }
    if (url !== '/pack.tgz' && url !== '/run') return void response.writeHead(404).end();
    response.end(readFileSync(join(this.#folder, url)));
  }
}

export function sandboxCases(bench: Bench, timeoutMs: number): void {
  describe('sandbox', () => {
    const files = new FileServer();
    beforeAll(() => files.open());
    afterAll(() => files.close());

    it(
      'holds what the app fetches before the task starts, unpacked and executable as wanted',
      async () => {
        const fetch = [files.item('pack.tgz'), files.item('run', { executable: true, destPath: 'bin/run' })];
        const cmd = 'cd "$MESOS_SANDBOX" && cat pack/words && ls pack.tgz && ./bin/run && touch new';
        const { taskId } = await bench.run(cmd, { fetch });
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 0 });
        expect(await bench.log(taskId)).toBe('from the archive\npack.tgz\nit runs\n');
      },
      timeoutMs,
    );

    it(
      'is told apart per task, and there when nothing is fetched',
      async () => {
        const cmd = 'cd "$MESOS_SANDBOX" && touch mine && ls';
        for (let round = 0; round < 2; round += 1) {
          const { taskId } = await bench.run(cmd);
          expect(await bench.exitOf(taskId)).toMatchObject({ code: 0 });
          const names = (await bench.log(taskId)).trim().split('\n');
          expect(names.filter((name) => !['stdout', 'stderr'].includes(name))).toEqual(['mine']);
        }
      },
      timeoutMs,
    );

    it(
      'fails the start with the reason when a file is not there, and no task is listed',
      async () => {
        const launch = bench.launch({ cmd: FOREVER, fetch: [files.item('gone')] });
        await expect(bench.start(launch)).rejects.toMatchObject({
          kind: 'temporary',
          message: expect.stringContaining('/gone answered 404'),
        });
        expect(await bench.observed(launch.taskId)).toBeUndefined();
      },
      timeoutMs,
    );

    it(
      'tells the progress of a download, ends it at once when it is cancelled, and begins anew with the next try',
      async () => {
        const launch = bench.launch({
          cmd: 'cat "$MESOS_SANDBOX/x"',
          fetch: [files.item('endless', { destPath: 'x' })],
        });
        const cancel = new AbortController();
        const told: PullProgress[] = [];
        const filling = bench.runtime.prepare(launch, (pull) => told.push(pull), cancel.signal);
        filling.catch(() => undefined);
        await until('the progress', () => told.length);
        expect(told[0]).toMatchObject({ doneBytes: 11, text: expect.stringContaining('/endless') });
        cancel.abort();
        await expect(filling).rejects.toBeDefined();
        await until('the download to end', () => files.endless === 0);
        const next = { ...launch, spec: { ...launch.spec, fetch: [files.item('run', { destPath: 'x' })] } };
        await bench.start(next);
        expect(await bench.exitOf(launch.taskId)).toMatchObject({ code: 0 });
        expect(await bench.log(launch.taskId)).toContain('it runs');
      },
      timeoutMs,
    );

    it(
      'has a folder for each volume with a relative hostPath',
      async () => {
        const volumes = [{ hostPath: 'data/deep', containerPath: 'data/deep', mode: 'RW' as const }];
        const { taskId } = await bench.run('echo words > "$MESOS_SANDBOX/data/deep/x"', { volumes });
        expect(await bench.exitOf(taskId)).toMatchObject({ code: 0 });
        const outside = [{ hostPath: '../../up', containerPath: '../../up', mode: 'RW' as const }];
        await expect(bench.run('true', { volumes: outside })).rejects.toMatchObject({
          reason: 'invalid',
          message: expect.stringContaining('outside of the sandbox'),
        });
      },
      timeoutMs,
    );

    (isRoot ? it : it.skip)(
      'belongs to the account that the task and its checks run as',
      async () => {
        const fetch = [files.item('pack.tgz')];
        const script =
          'id -u; cd "$MESOS_SANDBOX" && echo x >> pack/words && mkdir new && echo fine >> /dev/stdout';
        const { taskId } = await bench.run(`${script}; ${FOREVER}`, { fetch, user: NOBODY });
        await bench.line(taskId, 'fine');
        expect(await bench.log(taskId)).toBe(`${NOBODY}\nfine\n`);
        const check = await bench.runtime.execute(taskId, 'id -u; rm "$MESOS_SANDBOX"/pack/words', 10_000);
        expect(check).toEqual({ code: 0, output: `${NOBODY}\n` });
        await bench.runtime.stop(taskId, 0);
      },
      timeoutMs,
    );

    (isRoot ? it : it.skip)(
      'is not started as an account that is unknown',
      async () => {
        const failure = bench.run(FOREVER, { user: 'no-such-account' });
        await expect(failure).rejects.toMatchObject({
          kind: 'rejected',
          reason: 'invalid',
          message: expect.stringContaining('no-such-account'),
        });
      },
      timeoutMs,
    );
  });
}
