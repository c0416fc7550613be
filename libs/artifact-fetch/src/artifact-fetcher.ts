// Fills the sandbox of a task with what its app asks for by `fetch` (behaviour.md 18). It is filled aside and gets its name when it
// is whole: whoever is killed meanwhile, a sandbox that is there can be used. Files are unpacked into the sandbox itself, and an
// archive stays beside what was in it unless it came from the cache, both as Mesos does.
import { chmod, lchown, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FetchItem } from '#libs/model';
import type { PullProgress } from '#libs/runtime';
import type { Clock } from '#libs/time';
import { ArchiveError } from './archive-entry.js';
import type { ArchiveEntry } from './archive-entry.js';
import { artifactOf, assertNotReserved } from './artifact.js';
import type { Artifact } from './artifact.js';
import { ByteBudget, ProgressReport } from './byte-budget.js';
import { decompressed } from './decompression.js';
import { download } from './download.js';
import { DownloadCache } from './download-cache.js';
import { asFetchError, invalid } from './fetch-failure.js';
import { tarEntries } from './tar-entries.js';
import { makeFolders, Unpacking } from './unpacking.js';
import { zipEntries } from './zip-entries.js';

const MIB = 1024 * 1024;
/** What a sandbox may take by `fetch` when the app sets no `disk`. */
export const FETCH_MIB_DEFAULT = 10_240;
/** As Mesos's `fetcher_cache_size`. */
export const CACHE_MIB_DEFAULT = 2_048;

export interface FetcherOptions {
  /** Downloads with `cache: true` are kept here. */
  readonly cacheFolder: string;
  readonly clock: Clock;
  readonly cacheMib?: number;
  /** Without a byte for so long a download is given up; 30 s. */
  readonly silenceMs?: number;
}

/** Numeric: names are resolved by the one who knows the accounts. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface SandboxWish {
  readonly items: readonly FetchItem[];
  /** Final place of the sandbox. */
  readonly sandbox: string;
  /** On the same file system; sandboxes are filled in it. May be emptied while nothing is filled. */
  readonly workFolder: string;
  /** Permissions of the sandbox. */
  readonly mode: number;
  /** The app's `disk`; 0 = the default. */
  readonly diskMib: number;
  readonly owner?: Owner;
}

interface Job {
  readonly folder: string;
  readonly budget: ByteBudget;
  readonly progress: ProgressReport;
  readonly signal: AbortSignal;
}

export class ArtifactFetcher {
  readonly #cache: DownloadCache;

  constructor(private readonly options: FetcherOptions) {
    const bytesMax = (options.cacheMib ?? CACHE_MIB_DEFAULT) * MIB;
    this.#cache = new DownloadCache({ folder: options.cacheFolder, bytesMax, clock: options.clock });
  }

  /** Nothing to do when the sandbox is there. Rejects with a RuntimeError, or the signal's reason; then nothing is left behind. */
  async fill(wish: SandboxWish, tell: (pull: PullProgress) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const artifacts = wish.items.map((item) => ({ item, artifact: artifactOf(item) }));
    if (await exists(wish.sandbox)) return;
    await mkdir(wish.workFolder, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(wish.workFolder, 'sandbox-'));
    const mib = wish.diskMib > 0 ? wish.diskMib : FETCH_MIB_DEFAULT;
    const remedy = wish.diskMib > 0 ? `raise the app's disk (${mib})` : `set the app's disk`;
    const progress = new ProgressReport(this.options.clock, tell);
    const job: Job = { folder, budget: new ByteBudget(mib * MIB, remedy), progress, signal };
    try {
      for (const { item, artifact } of artifacts) await this.#bring(item, artifact, job);
      if (wish.owner) await own(folder, wish.owner);
      await chmod(folder, wish.mode);
      signal.throwIfAborted();
      await mkdir(dirname(wish.sandbox), { recursive: true, mode: 0o711 });
      await rename(folder, wish.sandbox);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #bring(item: FetchItem, artifact: Artifact, job: Job): Promise<void> {
    const { shown } = artifact;
    try {
      if (!item.cache) {
        const path = await this.#place(artifact, job, (write) => this.#download(artifact, job, write));
        return await finish(item, artifact, path, job);
      }
      await this.#throughCache(item, artifact, job, async (cached) => {
        if (artifact.archive) return unpack(artifact, cached, job);
        const path = await this.#place(artifact, job, (write) =>
          download(
            { path: cached },
            { expect: (bytes) => job.budget.assertRoom(bytes, shown), write },
            this.options,
            job.signal,
          ),
        );
        await finish(item, artifact, path, job);
      });
    } catch (error) {
      job.signal.throwIfAborted();
      if (error instanceof ArchiveError)
        throw invalid(`fetch: ${shown} cannot be unpacked: ${error.message}`, error);
      throw asFetchError(error, shown);
    }
  }

  /** Writes a new file at the artifact's place; an earlier one of the same name is replaced. */
  async #place(
    { target, shown }: Artifact,
    { folder, budget }: Job,
    fillIn: (write: (chunk: Buffer) => Promise<void>) => Promise<void>,
  ): Promise<string> {
    await makeFolders(folder, dirname(target), () =>
      invalid(`fetch: ${shown} would be stored below a link or a file`),
    );
    const path = join(folder, target);
    await rm(path, { force: true });
    const file = await open(path, 'wx', 0o644);
    try {
      await fillIn(async (chunk) => {
        budget.take(chunk.length, shown);
        await file.writeFile(chunk);
      });
    } finally {
      await file.close();
    }
    return path;
  }

  #download({ source, shown }: Artifact, job: Job, write: (chunk: Buffer) => Promise<void>): Promise<void> {
    const { budget, progress, signal } = job;
    const sink = {
      expect: (bytes: number): void => {
        budget.assertRoom(bytes, shown);
        progress.expect(bytes);
      },
      write: async (chunk: Buffer): Promise<void> => {
        await write(chunk);
        progress.add(chunk.length, `fetching ${shown}`);
      },
    };
    return download(source, sink, this.options, signal);
  }

  #throughCache(
    item: FetchItem,
    { source, shown }: Artifact,
    job: Job,
    use: (path: string) => Promise<void>,
  ): Promise<void> {
    const { bytesMax } = this.#cache;
    const remedy = `they are the cache of this agent: fetch it with "cache": false, or give the agent a larger --fetch-cache`;
    return this.#cache.use(
      item.uri,
      (writer, signal) => {
        const bound = new ByteBudget(bytesMax, remedy);
        const sink = {
          expect: (bytes: number): void => bound.assertRoom(bytes, shown),
          write: async (chunk: Buffer): Promise<void> => {
            bound.take(chunk.length, shown);
            await writer.write(chunk);
          },
        };
        return download(source, sink, this.options, signal);
      },
      (bytes) => job.progress.add(bytes, `fetching ${shown}`),
      job.signal,
      use,
    );
  }
}

async function finish(item: FetchItem, artifact: Artifact, path: string, job: Job): Promise<void> {
  if (item.executable) await chmod(path, 0o755);
  else if (artifact.archive) await unpack(artifact, path, job);
}

async function unpack(artifact: Artifact, path: string, job: Job): Promise<void> {
  const { shown, target, archive } = artifact;
  const { folder, budget, progress, signal } = job;
  const text = `unpacking ${shown}`;
  const take = (bytes: number): void => {
    budget.take(bytes, shown);
    progress.add(bytes, text);
  };
  const unpacking = new Unpacking({ sandbox: folder, shown, take, signal });
  const content = (): AsyncGenerator<Buffer> =>
    decompressed(path, archive?.compression ?? 'none', shown, signal);
  if (archive?.kind === 'tar') return placeAll(unpacking, tarEntries(content()));
  if (archive?.kind === 'single') {
    const name = target.replace(/\.gz$/i, '');
    assertNotReserved(name, shown);
    return unpacking.place({ path: name, type: 'file', mode: 0o644, linkTarget: '', body: content() });
  }
  const file = await open(path, 'r');
  try {
    await placeAll(unpacking, zipEntries(file));
  } finally {
    await file.close();
  }
}

async function placeAll(unpacking: Unpacking, entries: AsyncIterable<ArchiveEntry>): Promise<void> {
  for await (const entry of entries) await unpacking.place(entry);
}

/** The sandbox and all in it, links themselves and not what they point to. Nobody may use it meanwhile. */
export async function own(folder: string, { uid, gid }: Owner): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await own(path, { uid, gid });
    else await lchown(path, uid, gid);
  }
  await lchown(folder, uid, gid);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
