// `GET /v3/addresses`: by which hosts, paths and ports people reach each app, and through which proxies, as these route.
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requireApp, type ControlCore } from '#libs/control-core';
import { pageOf } from '../http/page.js';
import { text } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { appIdOf } from './views.js';

@Controller('v3/addresses')
export class AddressesController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get()
  read(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const { state, routes } = this.core;
    const named = text(request.query, 'app');
    const only = named === undefined ? undefined : requireApp(state, appIdOf(named)).id;
    const apps = [...routes.ways(state)]
      .filter(([appId]) => only === undefined || appId === only)
      .map(([appId, ways]) => ({ appId, ways }))
      .sort((a, b) => (a.appId < b.appId ? -1 : 1));
    return { apps: pageOf(apps, { keyOf: ({ appId }) => [appId] }, request, reply) };
  }
}
