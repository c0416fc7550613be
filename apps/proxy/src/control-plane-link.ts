// The network to the control plane over HTTP: the held stream of tables and the reports. It knows status codes and lines, nothing of
// what they mean. Each request has a connection of its own: reports are rare, and a kept connection that died looks like a dead
// control plane.
import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import type { ProxyReport, ProxyReportAnswer } from '#libs/agent-protocol';
import type { ProxyId } from '#libs/model';
import {
  routesSearch,
  type ProxyNetwork,
  type ReportOutcome,
  type RoutesListener,
  type RoutesQuery,
} from '#libs/proxy-core';

/** A table of 50,000 targets has about 10 MB. */
const LINE_CHARS_MAX = 128 * 1024 * 1024;
const ANSWER_CHARS_MAX = 64 * 1024;
/** Tables of some ten apps take less than a millisecond. */
const WORTH_A_REST_MS = 5;
/** Of the time that was spent. */
const REST_SHARE = 4;
const REST_MS_MAX = 1_000;

export class ControlPlaneLink implements ProxyNetwork {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  followRoutes({ at, ...query }: RoutesQuery, { onLine, onEnd }: RoutesListener): { close(): void } {
    let ended = false;
    const end = (outcome: { problem: string; leader?: string }): void => {
      if (ended) return;
      ended = true;
      request.destroy();
      onEnd(outcome);
    };
    const request = this.#request('GET', `${at}/v3/routes?${routesSearch(query)}`, (response) => {
      response.once('error', (error) => end({ problem: error.message }));
      if (response.statusCode === 200) {
        response.once('close', () => end({ problem: 'the stream of route tables ended' }));
        readLines(response, (line) => !ended && onLine(line), end);
        return;
      }
      readAnswer(response).then(
        ({ message, leader }) => end({ problem: message, ...(leader === undefined ? {} : { leader }) }),
        (error: Error) => end({ problem: error.message }),
      );
    });
    request.once('error', (error) => end({ problem: error.message }));
    request.end();
    return {
      close: () => {
        ended = true;
        request.destroy();
      },
    };
  }

  report(at: string, proxy: ProxyId, report: ProxyReport, timeoutMs: number): Promise<ReportOutcome> {
    return new Promise((resolve) => {
      const fail = (error: Error): void => resolve({ kind: 'failed', message: error.message });
      const request = this.#request('POST', `${at}/v3/proxies/${encodeURIComponent(proxy)}`, (response) => {
        response.once('error', fail);
        readAnswer(response).then((answer) => resolve(outcomeOf(answer)), fail);
      });
      const body = JSON.stringify(report);
      request.setHeader('content-type', 'application/json');
      request.setHeader('content-length', Buffer.byteLength(body));
      limit(request, timeoutMs);
      request.once('error', fail);
      request.end(body);
    });
  }

  fetchTable(at: string, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve) => {
      const none = (): void => resolve(null);
      const request = this.#request('GET', `${at}/v3/routes?epoch=0&after=0`, (response) => {
        response.once('error', none).once('close', none);
        if (response.statusCode !== 200) {
          none();
          request.destroy();
          return;
        }
        const read = (line: unknown): void => {
          if (!isRecord(line) || line['type'] !== 'table') return;
          resolve(line['table']);
          request.destroy();
        };
        readLines(response, read, none);
      });
      limit(request, timeoutMs);
      request.once('error', none);
      request.end();
    });
  }

  #request(method: string, url: string, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const options = { method, agent: false as const, headers: { authorization: `Bearer ${this.#token}` } };
    return url.startsWith('https:')
      ? requestHttps(url, options, onResponse)
      : requestHttp(url, options, onResponse);
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly message: string;
  readonly leader?: string;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const status = response.statusCode ?? 0;
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    if (text.length < ANSWER_CHARS_MAX) text += String(chunk);
  }
  const body = parse(text);
  const said = isRecord(body) ? body : {};
  const leader = leaderOf(response.headers.location, said['leader']);
  return {
    status,
    body,
    message: typeof said['message'] === 'string' ? said['message'] : `the control plane answered ${status}`,
    ...(leader === undefined ? {} : { leader }),
  };
}

/** A standby names the leader by a redirect or in its body. */
function leaderOf(location: string | undefined, named: unknown): string | undefined {
  const url = location ?? (typeof named === 'string' ? named : undefined);
  if (url === undefined) return undefined;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function outcomeOf({ status, body, message, leader }: Answer): ReportOutcome {
  if (status >= 200 && status < 300 && isRecord(body)) {
    const { cluster, epoch, number } = body;
    if (typeof cluster === 'string' && typeof epoch === 'number' && typeof number === 'number')
      return { kind: 'answer', answer: { cluster, epoch, number } satisfies ProxyReportAnswer };
  }
  if (leader !== undefined) return { kind: 'elsewhere', leader };
  if (status === 409 || status === 401 || status === 403) return { kind: 'refused', message };
  return { kind: 'failed', message };
}

function readLines(
  response: IncomingMessage,
  onLine: (line: unknown) => void,
  onProblem: (end: { problem: string }) => void,
): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  response.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARS_MAX) onProblem({ problem: 'the control plane sent a line without end' });
    const since = performance.now();
    for (const line of lines) {
      if (line.trim() !== '') onLine(parse(line));
    }
    restAfter(response, performance.now() - since);
  });
}

/**
 * A table that took long to take in is followed by a rest, so that a flood of large ones leaves most of the time to requests. What the
 * control plane would send meanwhile it skips: the next one is the newest.
 */
function restAfter(response: IncomingMessage, spentMs: number): void {
  if (spentMs < WORTH_A_REST_MS) return;
  response.pause();
  setTimeout(() => response.resume(), Math.min(spentMs * REST_SHARE, REST_MS_MAX));
}

function limit(request: ClientRequest, timeoutMs: number): void {
  const timer = setTimeout(
    () => request.destroy(new Error('the control plane did not answer in time')),
    timeoutMs,
  );
  request.once('close', () => clearTimeout(timer));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // no JSON: nothing that we could read
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
