// Runs one shell command inside a running container (COMMAND health checks). The Engine cannot end such a command,
// so a late one is killed by its process id, where this host can see it.
import { readdir, readFile } from 'node:fs/promises';
import { Writable, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '#libs/time';
import type { EngineClient } from './engine-client.js';
import { asRuntimeError, invalid, statusOf } from './engine-errors.js';

/** The end of the output is enough to tell why a check failed. */
const OUTPUT_BYTES = 64 * 1024;

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
}

/** `container` is an id. Rejects as `rejected` when it does not run; as `temporary` when the Engine gave no answer. */
export async function runInContainer(
  client: EngineClient,
  clock: Clock,
  container: string,
  command: string,
  timeoutMs: number,
): Promise<CommandResult> {
  try {
    const exec = await client.docker
      .getContainer(container)
      .exec({ Cmd: ['/bin/sh', '-c', command], AttachStdout: true, AttachStderr: true });
    const stream = (await exec.start({ hijack: true, stdin: false })) as unknown as Readable;
    const output = collect(client, stream);
    if (!(await endsWithin(clock, stream, timeoutMs))) {
      stream.destroy();
      await killProcesses((await exec.inspect()).Pid, container);
      return { code: null, output: output() };
    }
    return { code: await exitCode(clock, () => exec.inspect()), output: output() };
  } catch (error) {
    const failed = asRuntimeError(error, `run a command in container ${container}`);
    // what the Engine answers is about this container; without an answer nothing is known of it
    throw statusOf(error) === undefined ? failed : invalid(failed.message);
  }
}

function collect(client: EngineClient, stream: Readable): () => string {
  let kept: Buffer = Buffer.alloc(0);
  const sink = (): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        kept = Buffer.concat([kept, chunk]).subarray(-OUTPUT_BYTES);
        done();
      },
    });
  client.docker.modem.demuxStream(stream, sink(), sink());
  return () => kept.toString('utf8');
}

async function endsWithin(clock: Clock, stream: Readable, timeoutMs: number): Promise<boolean> {
  let cancel = (): void => undefined;
  const late = new Promise<false>((resolve) => {
    const timer = clock.after(timeoutMs, () => resolve(false));
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([finished(stream, { writable: false }).then(() => true), late]);
  } finally {
    cancel();
  }
}

/** The stream may close a moment before the Engine has noted the exit. */
async function exitCode(
  clock: Clock,
  inspect: () => Promise<{ Running: boolean; ExitCode: number | null }>,
): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { Running, ExitCode } = await inspect();
    if (!Running && ExitCode !== null) return ExitCode;
    await new Promise<void>((resolve) => void clock.after(20, resolve));
  }
  throw invalid('the command closed its output but did not end');
}

/** A command and its children; only processes of this very container, for the Engine may count in another pid namespace. */
async function killProcesses(pid: number, container: string): Promise<void> {
  if (!pid || !(await isOf(container, pid))) return;
  const family = [pid, ...(await descendants(pid))];
  for (const each of family) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      continue; // ended meanwhile, or not ours to end: then it ends with the container
    }
  }
}

async function isOf(container: string, pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(container);
  } catch {
    return false;
  }
}

async function descendants(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // pid (name, which may hold anything) state parent …
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const found = [root];
  for (const each of found)
    found.push(...[...parents].filter(([, parent]) => parent === each).map(([pid]) => pid));
  return found.slice(1);
}
