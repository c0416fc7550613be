// The event streams: `/v2/events` with Marathon's types only, `/v3/events` with all (events.md 1, decisions.md 6).
import { Controller, Get, Inject, Options, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import type { EventHub } from '../events/event-hub.js';
import { text, values } from '../http/url-form.js';
import { CORE, EVENT_HUB } from '../tokens.js';

@ApiTags('events')
@Controller()
export class EventsController {
  constructor(
    @Inject(CORE) private readonly core: ControlCore,
    @Inject(EVENT_HUB) private readonly hub: EventHub,
  ) {}

  @Get('v2/events')
  @ApiOperation({ summary: 'Server-sent events; event_type (repeatable), plan-format=light' })
  marathon(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#open(request, reply, false);
  }

  @Get('v3/events')
  @ApiOperation({ summary: 'Server-sent events of all types' })
  all(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#open(request, reply, true);
  }

  @Options('v2/events')
  @ApiOperation({ summary: 'The methods that the stream answers' })
  methods(@Res() reply: FastifyReply): void {
    void reply.status(200).header('Allow', 'GET, HEAD, OPTIONS').send();
  }

  #open(request: FastifyRequest, reply: FastifyReply, allTypes: boolean): void {
    const accept = request.headers.accept ?? '';
    if (!/(^|,)\s*text\/event-stream\s*(;|,|$)/i.test(accept)) throw failures.methodNotAllowed();
    if (!this.core.hasState) throw failures.notLeading();
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'Content-Type': 'text/event-stream;charset=UTF-8',
      'X-Accel-Buffering': 'no',
    });
    raw.flushHeaders();
    request.raw.socket.setNoDelay(true);
    this.hub.attach(raw, {
      remoteAddress: request.ip,
      types: values(request.query, 'event_type'),
      lightPlans: text(request.query, 'plan-format') === 'light',
      allTypes,
    });
  }
}
