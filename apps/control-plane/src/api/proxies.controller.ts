// What proxies call (decisions.md 10, 20): a held NDJSON answer with each new route table, and their reports. Both with a token.
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ROUTES_HEARTBEAT_MS, type ProxyReport, type RoutesLine } from '#libs/agent-protocol';
import { failures } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { asProxyId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { Timer } from '#libs/time';
import { requireRole } from '../http/access.js';
import { readJson } from '../http/json-body.js';
import {
  either,
  isCount,
  isFlag,
  isName,
  isNull,
  isText,
  listOf,
  mapOf,
  optional,
  shape,
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
    const { state } = this.core;
    const epoch = Number(text(request.query, 'epoch') ?? 0) || 0;
    const after = Number(text(request.query, 'after') ?? -1);
    if (epoch > state.epoch) {
      throw failures.conflict(`This proxy has seen epoch ${epoch}, this control plane has ${state.epoch}.`);
    }
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
    request.raw.socket.setNoDelay(true);
    this.streams.add(raw);
    let known = { epoch, number: Number.isFinite(after) ? after : -1 };
    let sent: RouteTable | null = null;
    let timer: Timer | null = null;
    const write = (line: RoutesLine<RouteTable>): boolean => raw.write(`${JSON.stringify(line)}\n`);
    const sendNews = (): void => {
      // one that does not read gets the newest table once it does, not all in between
      if (!this.core.hasState || raw.writableNeedDrain) return;
      const table = this.core.routes.table(this.core.state);
      const isSame = table.epoch === known.epoch && table.number <= known.number;
      // the same number again only when its words for people are new
      if (isSame && (sent === null || table === sent || table.number < known.number)) return;
      sent = table;
      known = { epoch: table.epoch, number: table.number };
      write({ type: 'table', table });
    };
    const beat = (): void => {
      timer = this.core.clock.after(ROUTES_HEARTBEAT_MS, () => {
        if (this.core.hasState && !raw.writableNeedDrain) {
          const { epoch: current, tableNumber } = this.core.state;
          write({ type: 'heartbeat', epoch: current, number: tableNumber });
        }
        beat();
      });
    };
    const unlisten = this.core.routes.listen(sendNews);
    raw.on('drain', sendNews);
    raw.once('close', () => {
      unlisten();
      timer?.cancel();
    });
    sendNews();
    write({ type: 'heartbeat', epoch: this.core.state.epoch, number: this.core.state.tableNumber });
    beat();
  }

  @Get('proxies')
  proxies(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const now = this.core.clock.now();
    const proxies = [...this.core.state.proxies.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = pageOf(proxies, { keyOf: ({ id }) => [id] }, request, reply);
    return { proxies: page.map((each) => ({ ...each, live: each.leaseUntil > now })) };
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

const isReport = shape({
  address: isName,
  cluster: optional(either(isText, isNull)),
  epoch: isCount,
  confirmed: shape({ epoch: isCount, number: isCount }),
  inFlight: mapOf(isCount),
  warnings: listOf(isText),
  leaving: optional(isFlag),
});

function proxyReport(body: unknown): ProxyReport {
  if (!isReport(body)) throw failures.invalidArgument('This is no report of a proxy of this release.');
  const report = body as ProxyReport;
  return { ...report, leaving: report.leaving === true, cluster: report.cluster ?? null };
}
