// A proxy's network over the simulated one: what the real one (apps/proxy) does with HTTP.
import type { ProxyReport, ProxyReportAnswer } from '#libs/agent-protocol';
import type { ProxyId } from '#libs/model';
import {
  routesSearch,
  type ProxyNetwork,
  type ReportOutcome,
  type RoutesListener,
  type RoutesQuery,
} from '#libs/proxy-core';
import {
  PROXIES_PATH,
  ROUTES_PATH,
  type ReportAnswer,
  type RoutesRefusal,
} from '../control/control-plane.js';
import type { Endpoint, SimNetwork } from '../engine/network.js';
import type { SimProcess } from '../engine/sim-process.js';
import { wordsOf } from '../engine/words.js';

export class ProxyLink implements ProxyNetwork {
  constructor(
    private readonly process: SimProcess,
    private readonly network: SimNetwork,
    /** A report begins. */
    private readonly asks: () => void,
  ) {}

  followRoutes({ at, ...query }: RoutesQuery, { onLine, onEnd }: RoutesListener): { close(): void } {
    return this.#dial(at, routesSearch(query), onLine, onEnd);
  }

  async report(at: string, proxy: ProxyId, report: ProxyReport, timeoutMs: number): Promise<ReportOutcome> {
    this.asks();
    const path = `${PROXIES_PATH}${proxy}`;
    try {
      const text = await this.network.request(
        this.process,
        addressOf(at),
        path,
        JSON.stringify(report),
        timeoutMs,
      );
      return outcomeOf(JSON.parse(text) as ReportAnswer);
    } catch (error) {
      return { kind: 'failed', message: wordsOf(error) };
    }
  }

  fetchTable(at: string, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve) => {
      const end = (table: unknown): void => {
        timer.cancel();
        stream.close();
        resolve(table);
      };
      const timer = this.process.clock.after(timeoutMs, () => end(null));
      const read = (line: unknown): void => {
        const { type, table } = line as { type: string; table?: unknown };
        if (type === 'table') end(table);
      };
      const stream = this.#dial(at, 'epoch=0&after=0', read, () => end(null));
    });
  }

  #dial(
    at: string,
    query: string,
    onLine: RoutesListener['onLine'],
    onEnd: RoutesListener['onEnd'],
  ): { close(): void } {
    const abort = new AbortController();
    let endpoint: Endpoint | null = null;
    let isOver = false;
    const hangUp = (): void => {
      isOver = true;
      if (endpoint) endpoint.close('the proxy hung up');
      else abort.abort();
    };
    const end = (how: { readonly problem: string; readonly leader?: string }): void => {
      if (isOver) return;
      hangUp();
      onEnd(how);
    };
    const message = (text: string): void => {
      if (isOver) return;
      const line = JSON.parse(text) as RoutesRefusal | { readonly type: 'table' | 'heartbeat' };
      if (line.type !== 'refused') return onLine(line);
      const { problem, leader } = line;
      end({ problem, ...(leader === undefined ? {} : { leader }) });
    };
    this.network
      .connect(
        this.process,
        addressOf(at),
        `${ROUTES_PATH}?${query}`,
        { message, closed: (problem) => end({ problem }) },
        abort.signal,
      )
      .then(
        (opened) => {
          endpoint = opened;
          if (isOver) opened.close('the proxy hung up');
        },
        (error: unknown) => end({ problem: wordsOf(error) }),
      );
    return { close: hangUp };
  }
}

function outcomeOf(answer: ReportAnswer): ReportOutcome {
  if (answer.status === 200) return { kind: 'answer', answer: answer.body as ProxyReportAnswer };
  const { message, leader } = answer;
  if (leader !== undefined) return { kind: 'elsewhere', leader };
  return { kind: answer.status === 409 ? 'refused' : 'failed', message };
}

const addressOf = (url: string): string => url.replace(/^https?:\/\//, '');
