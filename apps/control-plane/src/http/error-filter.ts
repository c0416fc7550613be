// The one place where errors become answers (api.md 1.2): LongrunErrors as their table says, errors of the HTTP layer by their status,
// everything else 500 with a line in the log and nothing of its inside in the answer.
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorBody, failures, LongrunError } from '#libs/api-contract';
import { StoreUnavailable } from '#libs/store';
import type { Logger } from '#libs/telemetry';
import type { KnownRoutes } from './known-routes.js';

/** Seconds; a new leader or a returning database needs about this long. */
const RETRY_AFTER = '3';

@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly routes: KnownRoutes,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.sent || reply.raw.headersSent) return;
    const known = this.#translated(error, request);
    // a 503 or 507 is a refusal that works as it should; a full disk is not to be filled with stacks
    if (known.status === 500) {
      this.logger.error({ err: error, method: request.method, path: pathOf(request.url) }, 'request failed');
    }
    if (known.status === 503) void reply.header('Retry-After', RETRY_AFTER);
    if (known.status === 401) void reply.header('WWW-Authenticate', 'Basic realm="longrun"');
    if (known.status === 405) void reply.header('Allow', this.#allowed(request));
    void reply.status(known.status).header('content-type', 'application/json').send(errorBody(known));
  }

  /**
   * RFC 9110, 15.5.6. A method that the path's pattern has and that was refused all the same is not among them, e.g. POST for an
   * app and not its restart; but GET is, refused for its `Accept` only.
   */
  #allowed({ method, url }: FastifyRequest): string {
    const methods = this.routes.methodsOf(pathOf(url));
    return methods.filter((each) => each === 'GET' || each !== method).join(', ');
  }

  #translated(error: unknown, request: FastifyRequest): LongrunError {
    if (error instanceof LongrunError) return error;
    if (error instanceof StoreUnavailable) return failures.storageUnavailable(error);
    const status = statusOf(error);
    if (status === 404) {
      return this.routes.hasOtherMethod(request.method, pathOf(request.url))
        ? failures.methodNotAllowed()
        : failures.uriNotFound();
    }
    if (status === 405) return failures.methodNotAllowed();
    if (status === 406) return failures.notAcceptable();
    if (status === 413) return failures.payloadTooLarge();
    if (status === 415) return failures.unsupportedMediaType();
    if (status >= 400 && status < 500) return failures.badRequest(messageOf(error));
    return failures.internal(error);
  }
}

const pathOf = (url: string): string => url.split('?')[0] ?? url;

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : 500;
}

const messageOf = (error: unknown): string =>
  error instanceof Error && error.message !== '' ? error.message : 'Bad Request';
