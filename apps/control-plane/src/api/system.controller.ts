// What is asked about the server itself: ping, info, leader, metrics, plugins, alarms (api.md 9).
import { All, Controller, Delete, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures, presentInfo } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { timestampOf } from '#libs/model';
import { bestType } from '../http/accept.js';
import { pageOf } from '../http/page.js';
import { text } from '../http/url-form.js';
import type { Metrics } from '../metrics.js';
import type { ApiSettings } from '../settings.js';
import { CORE, METRICS, SETTINGS } from '../tokens.js';
import { VERSION } from '../version.js';
import { restOf } from './answers.js';

const PROMETHEUS_TYPES = ['application/json', 'text/plain', 'application/openmetrics-text'];

@Controller()
export class SystemController {
  constructor(
    @Inject(CORE) private readonly core: ControlCore,
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {}

  @Get('ping')
  ping(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const type = bestType(request.headers.accept, ['text/plain', 'text/html', 'application/json']);
    if (type === null) void reply.status(204).send();
    else if (type === 'application/json') void reply.type(type).send('"pong"');
    else void reply.type(`${type}; charset=utf-8`).send('pong');
  }

  @Get('v2/info')
  info(): object {
    const { leadership, cluster } = this.core;
    return presentInfo({
      version: VERSION,
      clusterId: cluster,
      elected: this.core.leads,
      leader: leadership.leader?.address ?? null,
      hostname: this.settings.hostname,
      apiPort: this.settings.apiPort,
      httpsPort: null,
      servicePorts: this.settings.servicePorts,
      allowedOrigins: this.settings.allowedOrigins,
      features: ['task_killing'],
      launchLimitMs: this.core.settings.launchLimitMs,
    });
  }

  @Get('v2/leader')
  leader(): object {
    const { leader } = this.core.leadership;
    if (!leader) throw failures.leaderNotFound();
    return { leader: leader.address };
  }

  @Delete('v2/leader')
  abdicate(@Req() request: FastifyRequest): object {
    for (const name of ['backup', 'restore']) {
      if (text(request.query, name) === undefined) continue;
      throw failures.invalidArgument(
        `'${name}' is not a storage that this server can use: everything it knows is in Postgres. Use pg_dump and pg_restore.`,
      );
    }
    if (!this.core.leads) throw failures.leaderNotFound();
    this.core.leadership.abdicate();
    return { message: 'Leadership abdicated' };
  }

  @Get('metrics')
  async figures(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const type = bestType(request.headers.accept, PROMETHEUS_TYPES);
    if (type === null) throw failures.notAcceptable();
    return type === 'application/json' ? this.metrics.json() : this.prometheus(reply);
  }

  @Get('metrics/prometheus')
  async prometheus(@Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    void reply.header('content-type', this.metrics.contentType);
    return Buffer.from(await this.metrics.text());
  }

  @Get('v2/plugins')
  plugins(): object {
    return { plugins: [] };
  }

  @All('v2/plugins/*')
  plugin(@Req() request: FastifyRequest): never {
    throw failures.noPlugin(restOf(request).split('/')[0] ?? '');
  }

  @Get('v3/alarms')
  alarms(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const active = [...this.core.alarms.list()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const alarms = pageOf(active, { keyOf: ({ id }) => [id] }, request, reply);
    return { alarms: alarms.map((each) => ({ ...each, since: timestampOf(each.since) })) };
  }
}
