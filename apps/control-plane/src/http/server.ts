// The HTTP server: Fastify with Marathon's conventions as hooks, in the order in which they must hold: headers, who may call, whether
// this node answers, which type. Nest's controllers come after all of them.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { isAcceptable } from './accept.js';
import type { Access } from './access.js';
import { compressed } from './compression.js';
import type { Cors } from './cors.js';
import { refuseUnplanned } from './dry-run.js';
import { entityTag, isKnown } from './entity-tags.js';
import type { ErrorFilter } from './error-filter.js';
import type { KnownRoutes } from './known-routes.js';
import { passToLeader } from './leader-proxy.js';
import { collectBody } from './raw-body.js';
import type { RequestLimit } from './request-limit.js';
import { SlicedJson, SlicedWriter } from './sliced-json.js';
import { tidyUrl } from './url-form.js';

export interface ServerParts {
  readonly core: ControlCore;
  readonly access: Access;
  readonly cors: Cors;
  readonly limit: RequestLimit;
  readonly filter: ErrorFilter;
  readonly routes: KnownRoutes;
  /** `host:port` of this node. */
  readonly address: string;
}

const ALWAYS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Frame-Options': 'DENY',
  'X-XSS-Protection': '1; mode=block',
  'X-Content-Type-Options': 'nosniff',
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** For a whole request to arrive; whoever sends its body byte by byte must not hold it for ever. */
const REQUEST_MS_MAX = 60_000;

export function createServer(parts: ServerParts): FastifyInstance {
  const { core, access, cors, limit, filter, routes, address } = parts;
  const server = fastify({
    rewriteUrl: (request) => tidyUrl(request.url ?? '/'),
    // an id in a path may be long; the model says what is too long
    routerOptions: { maxParamLength: 16_384 },
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS_MAX,
    frameworkErrors: (error, request, reply) => filter.answer(error, request, reply),
    logger: false,
  });
  const writer = new SlicedWriter();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, stream, done) => collectBody(stream, done));
  server.addHook('onRoute', ({ method, url }) => routes.note(method, url));
  server.addHook('onRequest', async (request, reply) => {
    void reply.headers({ ...ALWAYS, ...cors.headers(request.headers) });
    const path = request.url.split('?')[0] ?? request.url;
    try {
      access.check(request.method, path, request.headers);
      if (cors.isPreflight(request.method, request.headers)) return reply.status(200).send();
      limit.enter(path, reply.raw);
      // nothing has such a name, and the store takes none
      if (path.includes('%00')) throw failures.badRequest('The path must not hold a NUL character.');
      refuseUnplanned(path, request);
      const { leader } = core.leadership;
      if (core.leads && leader) void reply.header('X-Marathon-Leader', `http://${leader.address}`);
      if (passToLeader(core, address, request, reply)) return reply;
      if (!isAcceptable(path, request.headers.accept)) throw failures.notAcceptable();
      const tag = entityTag(core, request);
      if (tag !== null) void reply.header('ETag', tag);
      if (tag !== null && isKnown(request.headers['if-none-match'], tag)) return reply.status(304).send();
      const shared = tag === null ? undefined : writer.underWay(tag);
      if (shared) return reply.header('content-type', JSON_TYPE).send(await shared);
    } catch (error) {
      filter.answer(error, request, reply);
      return reply;
    }
    return undefined;
  });
  server.addHook('preSerialization', async (_request, reply, payload) => {
    if (!(payload instanceof SlicedJson)) return payload;
    void reply.header('content-type', JSON_TYPE).serializer((bytes: Buffer) => bytes as unknown as string);
    const tag = reply.getHeader('ETag');
    // a page has a header of its own besides
    return writer.write(payload, typeof tag === 'string' && !reply.hasHeader('Link') ? tag : undefined);
  });
  server.addHook('onSend', async (_request, reply) => {
    // only an answer to the question itself has the tag, no refusal
    if (reply.statusCode !== 200 && reply.statusCode !== 304) void reply.removeHeader('ETag');
  });
  server.addHook('onSend', (request: FastifyRequest, reply: FastifyReply, payload: unknown) =>
    compressed(request, reply, payload),
  );
  return server;
}
