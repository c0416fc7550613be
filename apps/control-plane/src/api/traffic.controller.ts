// What proxies measured over all apps (`/v3/traffic`): sums of the last 30 to 60 s, kept in memory.
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ControlCore } from '#libs/control-core';
import { pageOf } from '../http/page.js';
import { CORE } from '../tokens.js';

@Controller('v3')
export class TrafficController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('traffic')
  traffic(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const { clock, proxies } = this.core;
    const now = clock.now();
    const { traffic } = proxies;
    const page = pageOf(traffic.apps(now), { keyOf: (id) => [id] }, request, reply);
    return {
      windowSeconds: traffic.windowSeconds(now),
      proxies: traffic.proxies(now),
      apps: page.map((id) => traffic.app(id, now)),
    };
  }
}
