// Makes an image there: nothing to do when it is local and no pull is forced, else a pull with its progress added up over layers.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { PullProgress } from '#libs/runtime';
import type { Clock } from '#libs/time';
import type { EngineClient } from './engine-client.js';
import { asRuntimeError, invalid } from './engine-errors.js';
import { credentialsFor } from './registry-credentials.js';

/** Reported at most this often (contract of Runtime.prepare). */
const PROGRESS_MS = 1_000;

export interface ImageWish {
  readonly image: string;
  readonly forcePull: boolean;
  readonly registryConfigFile?: string | undefined;
}

/**
 * Rejects with `image-not-found` for an unknown image and with `temporary` when a registry does not answer.
 * With `forcePull` a failed pull fails the start, also when an older image is local: that is what was asked for.
 */
export async function ensureImage(
  client: EngineClient,
  clock: Clock,
  wish: ImageWish,
  progress: (pull: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const image = withTag(wish.image);
  if (!/^[\w.:/@-]+$/.test(image)) throw invalid(`'${wish.image}' is not the name of an image`);
  if (!wish.forcePull && (await client.hasImage(image))) return;
  signal.throwIfAborted();
  const auth = await credentialsFor(image, wish.registryConfigFile);
  const stream = await client.pull(image, auth, signal);
  const abort = (): void => void stream.destroy(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await follow(stream, image, clock, progress);
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    throw asRuntimeError(error, `pull image ${image}`);
  } finally {
    signal.removeEventListener('abort', abort);
    stream.destroy();
  }
}

/** Without a tag the Engine would pull every tag of the repository. */
export function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? image : `${image}:latest`;
}

interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

async function follow(
  stream: Readable,
  image: string,
  clock: Clock,
  progress: (pull: PullProgress) => void,
): Promise<void> {
  const layers = new LayerTally();
  let reportedAt = clock.now() - PROGRESS_MS;
  let unreported = false;
  const report = (text: string): void => {
    progress({ ...layers.sum(), text });
    reportedAt = clock.now();
    unreported = false;
  };
  for await (const line of createInterface({ input: stream })) {
    const entry = parsed(line);
    if (!entry) continue;
    if (entry.error) throw new Error(entry.error);
    layers.note(entry);
    unreported = true;
    if (clock.now() - reportedAt >= PROGRESS_MS) report(`pulling ${image}: ${wordsOf(entry)}`);
  }
  if (unreported && clock.now() - reportedAt >= PROGRESS_MS) report(`pulled ${image}`);
}

/** With the place in the layer, so that unpacking, which adds no bytes, is seen to move. */
function wordsOf({ id, status = '', progressDetail }: PullLine): string {
  const at = progressDetail?.current;
  return at === undefined ? status : `${status} ${id ?? ''} at ${at}`;
}

/** Bytes per layer: a layer that is being unpacked or is done counts as downloaded. */
class LayerTally {
  readonly #layers = new Map<string, { done: number; total: number }>();

  note({ id, status, progressDetail }: PullLine): void {
    if (!id) return;
    const layer = this.#layers.get(id) ?? { done: 0, total: 0 };
    if (status === 'Downloading') {
      layer.done = progressDetail?.current ?? layer.done;
      layer.total = Math.max(progressDetail?.total ?? 0, layer.total, layer.done);
    } else if (
      status &&
      /^(Verifying|Download complete|Extracting|Pull complete|Already exists)/.test(status)
    ) {
      layer.done = layer.total;
    }
    this.#layers.set(id, layer);
  }

  sum(): { doneBytes: number; totalBytes: number } {
    const all = [...this.#layers.values()];
    return {
      doneBytes: all.reduce((sum, layer) => sum + layer.done, 0),
      totalBytes: all.reduce((sum, layer) => sum + layer.total, 0),
    };
  }
}

function parsed(line: string): PullLine | null {
  try {
    return JSON.parse(line) as PullLine;
  } catch {
    return null; // a line that broke off; a failed pull says so in a line of its own
  }
}
