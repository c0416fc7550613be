// What proxies call (decisions.md 10, 20): a held NDJSON answer with each new route table, and their reports. Both with a token.
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  HTTPS_NAMES_MAX,
  LATENCY_BUCKETS,
  PROXY_GROUPS_MAX,
  PROXY_LEASE_MS,
  TRAFFIC_SERIES_MAX,
  type ProxyReport,
  type RoutesAsker,
} from '#libs/agent-protocol';
import { failures } from '#libs/api-contract';
import { RouteSubscription, type ControlCore } from '#libs/control-core';
import { asProxyId, timestampOf } from '#libs/model';
import { requireRole } from '../http/access.js';
import { readJson } from '../http/json-body.js';
import {
  either,
  isCount,
  isFlag,
  isName,
  isNull,
  isPort,
  isText,
  listOf,
  mapOf,
  optional,
  shape,
  type Check,
} from '../http/shape.js';
import { pageOf } from '../http/page.js';
import { text } from '../http/url-form.js';
import type { OpenStreams } from '../open-streams.js';
import { CORE, OPEN_STREAMS } from '../tokens.js';

@Controller('v3')
export class ProxiesController {
  constructor(
    @Inject(CORE) private readonly core: ControlCore,
    @Inject(OPEN_STREAMS) private readonly streams: OpenStreams,
  ) {}

  @Get('routes')
  async routes(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await requireRole(this.core.store, 'proxy', request.headers.authorization);
    const after = Number(text(request.query, 'after') ?? -1);
    const known = {
      epoch: Number(text(request.query, 'epoch') ?? 0) || 0,
      number: Number.isFinite(after) ? after : -1,
    };
    const { raw } = reply;
    // its first line begins the answer: who is refused gets an error instead
    const subscription = await RouteSubscription.open(this.core, askerOf(request.query), known, {
      write: (line) => {
        if (!raw.headersSent) this.#begin(request, reply);
        return raw.write(`${JSON.stringify(line)}\n`);
      },
      get needsDrain() {
        return raw.writableNeedDrain;
      },
    });
    raw.on('drain', () => subscription.drained());
    raw.once('close', () => subscription.close());
    // gone meanwhile: that event has been
    if (raw.destroyed) subscription.close();
  }

  #begin(request: FastifyRequest, reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
    request.raw.socket.setNoDelay(true);
    this.streams.add(reply.raw);
  }

  @Get('proxies')
  proxies(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const now = this.core.clock.now();
    const proxies = [...this.core.state.proxies.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = pageOf(proxies, { keyOf: ({ id }) => [id] }, request, reply);
    const { epoch, tableNumber } = this.core.state;
    return {
      newest: { epoch, number: tableNumber },
      proxies: page.map(({ isUnheard, ...each }) => {
        const since = this.core.proxies.confirmedSince(each.id);
        return {
          ...each,
          live: each.leaseUntil > now,
          ...(isUnheard ? {} : { heardAt: timestampOf(each.leaseUntil - PROXY_LEASE_MS) }),
          ...(since === undefined ? {} : { confirmedSince: timestampOf(since) }),
        };
      }),
    };
  }

  @Delete('proxies/:id')
  async remove(@Param('id') id: string): Promise<object> {
    if (!(await this.core.proxies.remove(asProxyId(id)))) throw failures.notFound('Proxy', id);
    return { message: `Proxy ${id} is removed` };
  }

  @Post('proxies/:id')
  @HttpCode(200)
  async report(@Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    await requireRole(this.core.store, 'proxy', request.headers.authorization);
    if (!isName(id)) throw failures.invalidArgument('This is no id of a proxy.');
    return this.core.proxies.report(asProxyId(id), proxyReport(readJson(request)));
  }
}

/** Null: no proxy asks, or one of an older release. */
function askerOf(query: unknown): RoutesAsker | null {
  const proxy = text(query, 'proxy');
  if (proxy === undefined) return null;
  const asker = { proxy, run: text(query, 'run'), address: text(query, 'address') };
  const wrong = Object.entries(asker).find(([, value]) => !isName(value));
  if (wrong)
    throw failures.invalidArgument(
      `A proxy that names itself gives proxy, run and address, each of 1 to 300 characters: ${wrong[0]} is ${wrong[1] === undefined ? 'missing' : 'none of them'}.`,
    );
  return asker as RoutesAsker;
}

const atMost =
  (length: number, check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= length && check(value);
/** Of one kind. A proxy of a later release may know more of them than is looked at here. */
const FIGURES_MAX = 32;
/** Whom a line of a report is about. */
const WHOSE = {
  appId: isName,
  portIndex: isCount,
  version: optional(isName),
  taskId: optional(isName),
};
const isTraffic = shape({
  series: atMost(
    TRAFFIC_SERIES_MAX,
    listOf(
      shape({
        ...WHOSE,
        counts: atMost(FIGURES_MAX, listOf(isCount)),
        aborted: optional(atMost(FIGURES_MAX, listOf(isCount))),
        latency: atMost(2 * LATENCY_BUCKETS, listOf(isCount)),
      }),
    ),
  ),
  standing: optional(
    atMost(
      TRAFFIC_SERIES_MAX,
      listOf(
        shape({
          ...WHOSE,
          inFlight: isCount,
          waiting: isCount,
          leftOut: isCount,
        }),
      ),
    ),
  ),
});

const isReport = shape({
  address: isName,
  run: optional(isName),
  listens: optional(
    shape({
      httpsPort: optional(isPort),
      httpsNames: optional(atMost(HTTPS_NAMES_MAX, listOf(isName))),
      httpsNamesCut: optional(isFlag),
      appPaths: isFlag,
      groups: optional(atMost(PROXY_GROUPS_MAX, listOf(isName))),
      servicePorts: optional(shape({ from: isPort, to: isPort })),
    }),
  ),
  about: optional(
    shape({
      engine: isName,
      host: isName,
      worker: optional(shape({ index: isCount, of: isCount })),
    }),
  ),
  cluster: optional(either(isText, isNull)),
  epoch: isCount,
  confirmed: shape({ epoch: isCount, number: isCount }),
  inFlight: mapOf(isCount),
  warnings: listOf(isText),
  leaving: optional(isFlag),
  traffic: optional(isTraffic),
});

function proxyReport(body: unknown): ProxyReport {
  if (!isReport(body)) throw failures.invalidArgument('This is no report of a proxy of this release.');
  const report = body as ProxyReport;
  return { ...report, leaving: report.leaving === true, cluster: report.cluster ?? null };
}
