// Downloads kept in the agent's folder for other tasks (`cache: true`), one file per uri. Two tasks at once download once; a file is
// there whole or not at all (by rename); beyond the bound the ones unused for longest go. Nothing is ever asked whether it is still
// current: that is what `cache` means.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#libs/time';

export interface CacheOptions {
  readonly folder: string;
  readonly bytesMax: number;
  readonly clock: Clock;
}

export interface CacheWriter {
  write(chunk: Buffer): Promise<void>;
}
/** Called for each chunk that arrives, for everybody who waits for it. */
export type Listener = (bytes: number) => void;
export type Load = (writer: CacheWriter, signal: AbortSignal) => Promise<void>;

interface Loading {
  readonly done: Promise<void>;
  readonly aborter: AbortController;
  readonly listeners: Set<Listener>;
}

const PART = '.part';

export class DownloadCache {
  readonly #loading = new Map<string, Loading>();
  /** Used right now, and how often: never removed. */
  readonly #held = new Map<string, number>();
  #opening: Promise<void> | undefined;
  #parts = 0;
  #trimming: Promise<void> = Promise.resolve();

  constructor(private readonly options: CacheOptions) {}

  get bytesMax(): number {
    return this.options.bytesMax;
  }

  /** Calls `use` with the path of the file, loaded if need be; it stays there until `use` is done. */
  async use<T>(
    uri: string,
    load: Load,
    listener: Listener,
    signal: AbortSignal,
    use: (path: string) => Promise<T>,
  ): Promise<T> {
    await this.#open();
    const key = createHash('sha256').update(uri).digest('hex');
    const path = join(this.options.folder, key);
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    try {
      if (!(await this.#touch(path))) await this.#wait(key, path, load, listener, signal);
      return await use(path);
    } finally {
      const others = (this.#held.get(key) ?? 1) - 1;
      if (others) this.#held.set(key, others);
      else this.#held.delete(key);
      this.#trimming = this.#trimming.then(() => this.#trim()).catch(() => undefined); // the next use tries again
      await this.#trimming;
    }
  }

  /** The load goes on while one of those who wait for it still wants it. */
  async #wait(key: string, path: string, load: Load, listener: Listener, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const loading = this.#loading.get(key) ?? this.#load(key, path, load);
    loading.listeners.add(listener);
    let giveUp = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      giveUp = () => reject(signal.reason as Error);
      signal.addEventListener('abort', giveUp, { once: true });
    });
    try {
      await Promise.race([loading.done, aborted]);
    } finally {
      signal.removeEventListener('abort', giveUp);
      loading.listeners.delete(listener);
      if (!loading.listeners.size) loading.aborter.abort();
    }
  }

  #load(key: string, path: string, load: Load): Loading {
    const aborter = new AbortController();
    const listeners = new Set<Listener>();
    const forget = (): void => {
      if (this.#loading.get(key)?.aborter === aborter) this.#loading.delete(key);
    };
    // who comes after the last one has given up begins anew
    aborter.signal.addEventListener('abort', forget);
    const done = this.#store(path, load, listeners, aborter.signal).finally(forget);
    done.catch(() => undefined); // told to those who still wait
    const loading = { done, aborter, listeners };
    this.#loading.set(key, loading);
    return loading;
  }

  async #store(
    path: string,
    load: Load,
    listeners: ReadonlySet<Listener>,
    signal: AbortSignal,
  ): Promise<void> {
    const part = `${path}${PART}${(this.#parts += 1)}`;
    try {
      const file = await open(part, 'wx', 0o600);
      try {
        const write = async (chunk: Buffer): Promise<void> => {
          await file.writeFile(chunk);
          for (const listener of listeners) listener(chunk.length);
        };
        await load({ write }, signal);
        // a power cut must not leave a whole name on half a file
        await file.sync();
      } finally {
        await file.close();
      }
      signal.throwIfAborted();
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  /** False: it is not there. */
  async #touch(path: string): Promise<boolean> {
    const now = this.options.clock.now() / 1000;
    try {
      await utimes(path, now, now);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async #trim(): Promise<void> {
    const kept = await Promise.all(
      (await readdir(this.options.folder))
        .filter((name) => !name.includes(PART))
        .map(async (name) => {
          const { size, mtimeMs } = await stat(join(this.options.folder, name));
          return { name, size, mtimeMs };
        }),
    );
    let total = kept.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size } of kept.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= this.options.bytesMax) return;
      if (this.#held.has(name)) continue;
      await rm(join(this.options.folder, name), { force: true });
      total -= size;
    }
  }

  /** Parts that a killed agent left are removed. */
  #open(): Promise<void> {
    this.#opening ??= this.#tidy().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #tidy(): Promise<void> {
    const { folder } = this.options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (name.includes(PART)) await rm(join(folder, name), { force: true });
    }
  }
}
