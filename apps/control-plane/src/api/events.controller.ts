// The event streams: `/v2/events` with Marathon's types only, `/v3/events` with all (events.md 1, decisions.md 6). Beyond Marathon both
// go on from a cursor: `Last-Event-ID`, as EventSource sends it, or the query's `lastEventId` for tools that cannot set headers.
import { Controller, Get, Inject, Options, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import type { EventHub } from '../events/event-hub.js';
import { text, values } from '../http/url-form.js';
import { CORE, EVENT_HUB } from '../tokens.js';

@Controller()
export class EventsController {
  constructor(
    @Inject(CORE) private readonly core: ControlCore,
    @Inject(EVENT_HUB) private readonly hub: EventHub,
  ) {}

  @Get('v2/events')
  marathon(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#open(request, reply, false);
  }

  @Get('v3/events')
  all(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#open(request, reply, true);
  }

  @Options('v2/events')
  methods(@Res() reply: FastifyReply): void {
    void reply.status(200).header('Allow', 'GET, HEAD, OPTIONS').send();
  }

  async #open(request: FastifyRequest, reply: FastifyReply, allTypes: boolean): Promise<void> {
    const accept = request.headers.accept ?? '';
    if (!/(^|,)\s*text\/event-stream\s*(;|,|$)/i.test(accept)) throw failures.methodNotAllowed();
    const after = cursorOf(request);
    if (after !== undefined) await this.hub.checkCursor(after);
    // asked last: the office may have been lost while the cursor was looked up
    if (!this.core.hasState) throw failures.notLeading();
    const { raw } = reply;
    if (raw.destroyed) return;
    reply.hijack();
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'Content-Type': 'text/event-stream;charset=UTF-8',
      'X-Accel-Buffering': 'no',
    });
    raw.flushHeaders();
    if (request.method === 'HEAD') {
      raw.end();
      return;
    }
    request.raw.socket.setNoDelay(true);
    this.hub.attach(raw, {
      remoteAddress: request.ip,
      types: values(request.query, 'event_type'),
      lightPlans: text(request.query, 'plan-format') === 'light',
      allTypes,
      ...(after === undefined ? {} : { after }),
    });
  }
}

/** The header wins: a client that comes back by itself has the newer number there. */
function cursorOf({ headers, query }: FastifyRequest): number | undefined {
  const told = headers['last-event-id'] ?? text(query, 'lastEventId');
  if (told === undefined || told === '') return undefined;
  const cursor = /^\d{1,15}$/.test(String(told)) ? Number(told) : null;
  if (cursor === null) {
    throw failures.badRequest(
      'Last-Event-ID must be the id of an event, a whole number. Without it the stream begins now.',
    );
  }
  return cursor;
}
