// Brings the bytes of one source to a sink, as they are (no content decoding: the name decides what is unpacked). HTTP follows at
// most 5 redirects and gives up after 30 s without a byte; a body that breaks off is a failure, never a short file.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { once } from 'node:events';
import type { Clock } from '#libs/time';
import type { Source } from './artifact.js';
import { shownUri } from './artifact.js';
import { asFetchError, invalid, temporary } from './fetch-failure.js';

export const REDIRECTS_MAX = 5;
export const SILENCE_MS = 30_000;
const CHUNK_BYTES = 1024 * 1024;

export interface Sink {
  /** The size, if it is known beforehand; may throw to refuse it. */
  expect(bytes: number): void;
  write(chunk: Buffer): Promise<void>;
}

export interface DownloadParts {
  readonly clock: Clock;
  readonly silenceMs?: number;
}

/** Rejects with the signal's reason when aborted, else with a RuntimeError. */
export async function download(
  source: Source,
  sink: Sink,
  parts: DownloadParts,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const shown = 'url' in source ? shownUri(source.url.href) : source.path;
  try {
    if ('path' in source) await copyFrom(source.path, sink, signal);
    else await overHttp(source.url, sink, parts, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw asFetchError(error, shown);
  }
}

async function copyFrom(path: string, sink: Sink, signal: AbortSignal): Promise<void> {
  // whoever opens a named pipe otherwise waits for its writer, in one of the few threads that all files of this process need
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw temporary(`fetch: ${path} does not exist on this agent`, error);
    if (error.code === 'EACCES') throw temporary(`fetch: this agent may not read ${path}`, error);
    throw error;
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw invalid(`fetch: ${path} is a folder or no ordinary file; name a file or an archive`);
    sink.expect(stat.size);
    const buffer = Buffer.alloc(Math.max(1, Math.min(CHUNK_BYTES, stat.size)));
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      await sink.write(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

async function overHttp(first: URL, sink: Sink, parts: DownloadParts, signal: AbortSignal): Promise<void> {
  const silence = new Silence(parts);
  const either = AbortSignal.any([signal, silence.signal]);
  try {
    let url = first;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await answerOf(url, either);
      silence.heard();
      const next = redirectOf(answer, url);
      if (!next) return await receive(answer, url, sink, silence);
      answer.destroy();
      if (redirects === REDIRECTS_MAX) {
        throw temporary(`fetch: ${shownUri(first.href)} redirects more than ${REDIRECTS_MAX} times`);
      }
      url = next;
    }
  } catch (error) {
    if (!signal.aborted && silence.signal.aborted) {
      throw temporary(`fetch: ${shownUri(first.href)} sent no byte for ${silence.seconds} s`);
    }
    throw error;
  } finally {
    silence.end();
  }
}

async function answerOf(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'longrun-agent' };
  const get = url.protocol === 'https:' ? httpsGet : httpGet;
  // no keep-alive: a socket left over would be one more thing to end
  const request = get(url, { headers, signal, agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  // after the response a failure shows at the body
  request.on('error', () => answer.destroy());
  return answer;
}

/** Null: this is the answer itself. Only http and https are followed. */
function redirectOf({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | null {
  if (![301, 302, 303, 307, 308].includes(statusCode) || !headers.location) return null;
  if (!URL.canParse(headers.location, from.href)) {
    throw temporary(`fetch: ${shownUri(from.href)} redirects to something that is no URL`);
  }
  const next = new URL(headers.location, from);
  if (next.protocol === 'http:' || next.protocol === 'https:') return next;
  throw temporary(
    `fetch: ${shownUri(from.href)} redirects to scheme '${next.protocol.slice(0, -1)}', which is not followed`,
  );
}

async function receive(answer: IncomingMessage, url: URL, sink: Sink, silence: Silence): Promise<void> {
  const { statusCode = 0, headers } = answer;
  if (statusCode !== 200) {
    answer.destroy();
    throw temporary(`fetch: ${shownUri(url.href)} answered ${statusCode}${meaningOf(statusCode)}`);
  }
  try {
    const length = Number(headers['content-length']);
    if (Number.isSafeInteger(length) && length > 0) sink.expect(length);
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      silence.heard();
      await sink.write(chunk);
    }
  } finally {
    answer.destroy();
  }
  if (!answer.complete) throw temporary(`fetch: ${shownUri(url.href)} broke off`);
}

function meaningOf(status: number): string {
  if (status === 404 || status === 410) return ': there is no such file';
  if (status === 401 || status === 403) return ': it wants other credentials';
  return '';
}

/** Aborts when nothing was heard for a while. */
class Silence {
  readonly #aborter = new AbortController();
  readonly #ms: number;
  #timer;

  constructor(private readonly parts: DownloadParts) {
    this.#ms = parts.silenceMs ?? SILENCE_MS;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }
  get seconds(): number {
    return this.#ms / 1000;
  }

  heard(): void {
    this.#timer.cancel();
    this.#timer = this.#start();
  }

  end(): void {
    this.#timer.cancel();
  }

  #start(): ReturnType<Clock['after']> {
    return this.parts.clock.after(this.#ms, () => this.#aborter.abort());
  }
}
